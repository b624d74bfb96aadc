"""Pages made from code are true."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_pages_of_settings_and_commands_are_as_the_code_says() -> None:
    check = [sys.executable, str(ROOT / "tools/generate_docs.py"), "--check"]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
