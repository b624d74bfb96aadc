"""What a task's error becomes: retried where a retry can mend it, failed at once otherwise."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PROGRAM = """
import json, sys
sys.path.insert(0, sys.argv[1])
from airflow.sdk.exceptions import AirflowFailException
from medsift_common import mended_by_retry_or_failed
from medsift import errors
from medsift.volume import VolumeError

def outcome(error):
    try:
        with mended_by_retry_or_failed():
            raise error
    except AirflowFailException as raised:
        return ["failed", str(raised)]
    except Exception as raised:
        return ["retried", str(raised)]

print(json.dumps({error: outcome(eval(error)) for error in sys.argv[2:]}))
"""
MENDED = (
    "errors.StoreLostError('gone')",
    "VolumeError('full')",
    "ConnectionError('reset')",
    "MemoryError('none')",
)
NOT_MENDED = {
    "errors.SettingError('profile', 'x', 'lite')": "Setting profile = 'x': allowed is lite.",
    "errors.WeightsError('No weights.')": "No weights.",
    "KeyError('name')": "KeyError: 'name'",
}


@pytest.fixture(scope="module")
def outcomes(airflow_home_environment: dict[str, str]) -> dict[str, list[str]]:
    """What becomes of each error, as [outcome, sentence]."""
    command = [sys.executable, "-c", PROGRAM, str(PROJECT / "dags"), *MENDED, *NOT_MENDED]
    done = subprocess.run(command, env=airflow_home_environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("error", MENDED)
def test_what_a_retry_can_mend_is_retried(outcomes: dict[str, list[str]], error: str) -> None:
    assert outcomes[error][0] == "retried"


@pytest.mark.parametrize("error", NOT_MENDED)
def test_what_a_retry_cannot_mend_fails_at_once_with_its_sentence(outcomes: dict[str, list[str]], error: str) -> None:
    assert outcomes[error] == ["failed", NOT_MENDED[error]]
