"""What is known of a CLIP model is asked of open_clip once a volume: a task that runs no network loads none."""

import subprocess
import sys

import numpy as np

from medsift.encoders._clip_shape import clip_shape
from medsift.encoders._model_files import NO_FILES
from medsift.prompts import load_prompts
from medsift.settings import Settings, shipped
from medsift.steps.profile import encoded_prompts
from medsift.volume import Volume

MODEL, TAG = "ViT-B-32-quickgelu", "openai"
ASK = """
import sys
from pathlib import Path
from medsift.encoders._clip_shape import clip_shape
from medsift.volume import Volume
print(clip_shape("ViT-B-32-quickgelu", "openai", int(sys.argv[2]), {}, Volume(Path(sys.argv[1]))))
print([name for name in ("torch", "open_clip") if name in sys.modules])
"""


def asked(volume, size=0):
    command = [sys.executable, "-c", ASK, str(volume), str(size)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-2:]


def test_a_model_asked_for_again_is_told_alike_without_torch(tmp_path):
    told, imported = asked(tmp_path)
    assert imported == "['torch', 'open_clip']"
    assert asked(tmp_path) == [told, "[]"]
    other, imported = asked(tmp_path, 256)
    assert (other != told, imported) == (True, "['torch', 'open_clip']")


def test_without_a_volume_nothing_is_left_behind(tmp_path):
    volume = Volume(tmp_path / "none")
    shape = clip_shape(MODEL, TAG, 0, NO_FILES, volume)
    assert (shape.dimension, shape.view.size) == (512, 224)
    assert not volume.root.exists()


class CountedEncoder:
    """One that counts how often it is asked what only a network can tell."""

    name, digest, has_words, asked = "counted", "d" * 64, True, 0

    @property
    def scale(self):
        self.asked += 1
        return 42.5

    def encode_texts(self, texts):
        self.asked += 1
        return np.eye(len(texts), dtype=np.float32)


def test_kept_prompts_need_no_network_for_vectors_or_scale(tmp_path):
    prompts, encoder = load_prompts(shipped("prompts"), Settings().prompt_set), CountedEncoder()
    first = encoded_prompts(Volume(tmp_path), encoder, prompts)
    again = encoded_prompts(Volume(tmp_path), encoder, prompts)
    assert encoder.asked == 2
    assert np.array_equal(first.vectors, again.vectors)
    assert first.scale == again.scale == 42.5
