"""Whether an engine may run a network is asked of those who judge in a run."""

import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medsift.encoders._selftest import pictures
from medsift.settings import Settings
from medsift.steps import first_use, local_context, sort_sources
from medsift.steps.networks import judge_of, loaded_profile
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
    assert len({key(), key(strategy="majority"), key(medical_recall=0.9), key(image_size=256)}) == 4


@pytest.mark.long
def test_the_first_use_is_made_in_another_process_and_leaves_all_that_loading_needs(tmp_path: Path) -> None:
    script = """
        import logging, sys
        from medsift.settings import Settings
        from medsift.steps.networks import loaded_profile
        from medsift.steps.profile import prompted
        logging.basicConfig(stream=sys.stdout, format="%(message)s")
        logging.getLogger("medsift").setLevel(logging.INFO)
        settings = Settings(volume=sys.argv[1], device="cpu", engine="openvino_fp32")
        loaded_profile(settings)
        prompted(settings)
        print("torch" in sys.modules)
    """
    (tmp_path / "script.py").write_text("\n".join(line[8:] for line in script.splitlines()))
    command = [sys.executable, tmp_path / "script.py", tmp_path]
    first, again = (subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2))
    assert first.splitlines()[0] == "measuring engines once on this machine: some seconds"
    assert "measuring" not in again
    assert (first.splitlines()[-1], again.splitlines()[-1]) == ("False", "False")


def test_where_that_process_fails_its_work_is_done_here(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_use.sys, "executable", "/bin/false")
    settings = Settings.load({"volume": str(tmp_path), "device": "cpu", "engine": "openvino_fp32"}, {})
    (tower,) = loaded_profile(settings).towers
    assert tower.engine == "openvino_fp32"
    assert [record.levelno for record in caplog.records if "first use" in record.message] == [logging.WARNING]
