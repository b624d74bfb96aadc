"""Write the vectors of the shipped prompts by profile lite, so that using it loads no network for words.

    python tools/ship_prompts.py

To be run after a change of prompts/ or models/lite; a test holds what it writes to what the networks give.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from medsift.encoders import load_profile
from medsift.modelsets import shipped_set
from medsift.prompts import list_prompt_sets, load_prompts
from medsift.settings import Settings
from medsift.steps.profile import SHIPPED_PROMPTS, encoded_prompts
from medsift.volume import Volume

HERE = Path(__file__).parent
OUT = HERE.parent / "models" / SHIPPED_PROMPTS
PROMPTS = HERE.parent / "prompts"


def main() -> None:
    """Make all anew, of the networks."""
    OUT.mkdir(exist_ok=True)
    for old in OUT.glob("*.npz"):
        old.unlink()
    words = load_profile(Settings(), shipped_set("lite")).words
    for name in list_prompt_sets(PROMPTS):
        with TemporaryDirectory() as folder:
            encoded_prompts(Volume(Path(folder)), words, load_prompts(PROMPTS, name))
            for made in Path(folder).rglob("*.npz"):
                (OUT / made.name).write_bytes(made.read_bytes())
                print(f"{name}: {made.name}, {made.stat().st_size} bytes")


if __name__ == "__main__":
    main()
