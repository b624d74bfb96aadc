"""Whether an engine may run a network is asked of those who judge in a run."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medsift.encoders._selftest import pictures
from medsift.settings import Settings
from medsift.steps import local_context, sort_sources
from medsift.steps.networks import judge_of
from medsift.steps.profile import current_profile


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings.load({"volume": str(tmp_path_factory.mktemp("volume")), "engine": "torch_fp32"}, {})


def test_the_judge_says_of_features_what_a_run_says_of_the_pictures(settings: Settings, tmp_path: Path) -> None:
    profile = current_profile(settings)
    (tower,) = profile.towers
    side, views = tower.views[0].size, len(tower.views)
    tested = pictures(side)[::3]
    for number, picture in enumerate(tested):
        Image.fromarray(picture).save(tmp_path / f"{number:02}.png")
    with local_context(settings, [str(tmp_path)]) as context:
        result = sort_sources(context, [str(tmp_path)])
    said = {
        Path(occurrence.path).name: result.verdicts[occurrence.sha256].verdict
        for occurrence in result.occurrences
        if occurrence.path and occurrence.sha256
    }
    # All views alike but for what the crop cuts away, so a picture near 0.5 may fall otherwise: none of these does.
    labels = judge_of(settings, profile, tower).labels(tower.features(np.stack([tested] * views, axis=1)))
    assert dict(zip(sorted(said), labels, strict=True)) == said
    assert len(set(labels)) == 2


def test_the_judge_is_another_one_once_verdicts_may_be_others(settings: Settings) -> None:
    def key(**changed: object) -> str:
        own = settings.model_copy(update=changed)
        profile = current_profile(own)
        return judge_of(own, profile, profile.towers[0]).key

    assert key() == key(batch_size=7)
    assert len({key(), key(strategy="majority"), key(image_size=256)}) == 3
