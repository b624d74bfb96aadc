"""What the settings name, loaded once a process: profile, model set, prompts as vectors."""

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from medsift.encoders import Encoder, Floats, Profile, load_profile
from medsift.errors import WeightsError
from medsift.modelsets import ModelSet
from medsift.modelsets import current as current_of_volume
from medsift.prompts import PromptSet, load_prompts
from medsift.settings import Settings, shipped
from medsift.volume import Volume, atomic_path
from medsift.voters import Prompted

SHIPPED_PROMPTS = "prompts"  # folder beside the shipped model sets
KEPT = 4  # profiles or prompt vectors kept in memory


@dataclass(frozen=True)
class EncodedPrompts:
    """Vectors of prompts, float32 (n, d), and their encoder's factor between cosine and log-odds."""

    vectors: Floats
    scale: float


def prompt_set(settings: Settings) -> PromptSet:
    """The prompts that the settings name."""
    return load_prompts(settings.prompts_dir, settings.prompt_set)


def current_model_set(settings: Settings) -> ModelSet | None:
    """The model set in use on the settings' volume, or the one that ships; None where the profile has none."""
    return current_of_volume(Volume(settings.volume), settings.profile)


def usable_model_set(settings: Settings) -> ModelSet | None:
    """The same without clusters of encoders that are not the profile's any more: their numbers would mean nothing."""
    model_set = current_model_set(settings)
    return model_set.used_with(encoder_digests(settings)) if model_set else None


def current_profile(settings: Settings) -> Profile:
    """The encoders of the profile; their networks are loaded at first use and stay."""
    return _profile(settings.model_dump_json())


def encoder_digests(settings: Settings) -> dict[str, str]:
    """Digest of each encoder of the profile by name, under which its vectors are known."""
    return {encoder.name: encoder.digest for encoder in current_profile(settings).encoders}


def verdict_keys(settings: Settings) -> tuple[str, str]:
    """Digests of model set and prompt set: with the picture they name a verdict.

    The first is over the encoders too where they are not those that the set was fitted with, or there is no set: what
    other encoders see is scored anew.
    """
    model_set = current_model_set(settings)
    try:
        encoders = encoder_digests(settings)
    except WeightsError:  # pictures can be pulled out without weights; judged they cannot
        encoders = {}
    if model_set is not None and dict(model_set.encoder_digests) == encoders:
        return model_set.digest, prompt_set(settings).digest
    parts = json.dumps([model_set.digest if model_set else "", encoders], sort_keys=True)
    return hashlib.sha256(parts.encode()).hexdigest(), prompt_set(settings).digest


def prompted(settings: Settings) -> Prompted:
    """The prompts of the settings as vectors of the profile's encoder with words."""
    return _prompted(settings.model_dump_json())


@lru_cache(maxsize=KEPT)
def _profile(settings_json: str) -> Profile:
    settings = Settings.model_validate_json(settings_json)
    return load_profile(settings, current_model_set(settings))


@lru_cache(maxsize=KEPT)
def _prompted(settings_json: str) -> Prompted:
    settings = Settings.model_validate_json(settings_json)
    prompts = prompt_set(settings)
    words = _profile(settings_json).words
    encoded = encoded_prompts(Volume(settings.volume), words, prompts)
    return Prompted(
        words.name,
        encoded.scale,
        encoded.vectors,
        [prompt.kind for prompt in prompts.prompts],
        [prompt.is_medical for prompt in prompts.prompts],
    )


def encoded_prompts(volume: Volume, words: Encoder, prompts: PromptSet) -> EncodedPrompts:
    """Prompts as the encoder has them, kept on a volume that is there: a command without one leaves nothing behind.

    Those of the shipped sets and profile lite come with medsift (tools/ship_prompts.py). Whoever finds them kept loads
    no network for words; of a CLIP model nothing at all, once its picture tower is exported.
    """
    kept = prompts_file(volume, words.digest, prompts)
    if kept.exists():
        return kept_prompts(kept)
    encoded = EncodedPrompts(words.encode_texts(prompts.texts), words.scale)
    if volume.root.is_dir():
        with atomic_path(kept) as temporary, temporary.open("wb") as file:
            np.savez(file, vectors=encoded.vectors, scale=encoded.scale)
    return encoded


def prompts_file(volume: Volume, encoder_digest: str, prompts: PromptSet) -> Path:
    """Where prompts are kept as that encoder has them: on the volume, or as shipped; else where they would be."""
    on_volume = volume.prompt_vectors(encoder_digest, prompts.digest)
    with_medsift = shipped("models") / SHIPPED_PROMPTS / on_volume.name
    return with_medsift if with_medsift.exists() and not on_volume.exists() else on_volume


def kept_prompts(path: Path) -> EncodedPrompts:
    """Encoded prompts from their file."""
    with np.load(path, allow_pickle=False) as arrays:
        return EncodedPrompts(arrays["vectors"], float(arrays["scale"]))
