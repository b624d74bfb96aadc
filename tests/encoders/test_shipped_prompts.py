"""Vectors of the shipped prompts come with medsift: whoever uses profile lite with them loads no network for words."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from medsift.encoders import load_profile
from medsift.modelsets import shipped_set
from medsift.prompts import load_prompts
from medsift.settings import Settings, shipped
from medsift.steps.profile import SHIPPED_PROMPTS, kept_prompts, prompted
from medsift.volume import Volume

SETS = sorted(path.name for path in shipped("prompts").iterdir() if path.is_dir())
ASK = """
import json, sys
from pathlib import Path
from medsift.settings import Settings
from medsift.steps.profile import prompted
found = prompted(Settings.load({"volume": sys.argv[1]}, {}))
print(json.dumps([len(found.vectors), [name for name in ("torch", "transformers") if name in sys.modules]]))
"""


@pytest.fixture(scope="module")
def words():
    return load_profile(Settings(), shipped_set("lite")).words


def shipped_file(words, prompts):
    return shipped("models") / SHIPPED_PROMPTS / Volume(Path()).prompt_vectors(words.digest, prompts.digest).name


@pytest.mark.parametrize("name", SETS)
def test_what_is_shipped_is_what_the_networks_give(words, name):
    prompts = load_prompts(shipped("prompts"), name)
    path = shipped_file(words, prompts)
    assert path.exists(), "run tools/ship_prompts.py"
    assert kept_prompts(path).vectors == pytest.approx(words.encode_texts(prompts.texts), abs=1e-4)
    assert kept_prompts(path).scale == pytest.approx(words.scale)


def test_nothing_else_is_shipped(words):
    wanted = {shipped_file(words, load_prompts(shipped("prompts"), name)).name for name in SETS}
    assert {path.name for path in (shipped("models") / SHIPPED_PROMPTS).iterdir()} == wanted


def test_the_default_prompts_are_at_hand_without_torch(tmp_path):
    done = subprocess.run([sys.executable, "-c", ASK, str(tmp_path)], capture_output=True, text=True, check=True)
    count, imported = json.loads(done.stdout)
    assert (count > 20, imported) == (True, [])
    assert len(prompted(Settings.load({"volume": str(tmp_path)}, {})).vectors) == count
