import re
import shutil
import tomllib
from pathlib import Path

import pytest

from medsift import weights
from medsift.errors import UsageError, WeightsError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def copied_package(tmp_path, monkeypatch):
    """The package of MiniLM copied to where it is found first, so that its files can be spoilt."""
    original = weights.path("minilm", "config.json").parents[1]
    copy = tmp_path / original.name
    for file in ("config.json", "tokenizer.json"):
        (copy / "model").mkdir(parents=True, exist_ok=True)
        shutil.copy(original / "model" / file, copy / "model" / file)
    (copy / "__init__.py").write_text("raise RuntimeError('code of the package ran')")
    monkeypatch.syspath_prepend(tmp_path)
    return copy


def test_all_weights_of_profile_lite_are_there_and_are_the_pinned_ones():
    for name in ("efficientnet_lite0", "minilm"):
        assert [check.problem for check in weights.verify(name)] == ["" for _ in weights.get(name).files]


def test_every_entry_names_package_licence_size_and_digest():
    for entry in weights.list_weights():
        assert entry.package and entry.version and entry.licence
        for pinned in entry.files:
            assert pinned.bytes > 0
            assert re.fullmatch("[0-9a-f]{64}", pinned.sha256)
            assert weights.path(entry.name, pinned.name).stat().st_size == pinned.bytes


def test_an_altered_file_is_refused_with_both_digests(copied_package):
    file = copied_package / "model" / "config.json"
    file.write_text(file.read_text().replace("gelu", "relu"))
    with pytest.raises(WeightsError) as caught:
        weights.path("minilm", "config.json")
    expected = weights.get("minilm").pinned("config.json").sha256
    assert expected in str(caught.value)
    assert len(set(re.findall("[0-9a-f]{64}", str(caught.value)))) == 2


def test_a_file_altered_after_it_was_verified_is_refused(copied_package):
    file = copied_package / "model" / "config.json"
    assert weights.path("minilm", "config.json") == file
    file.write_text(file.read_text() + " ")
    with pytest.raises(WeightsError):
        weights.path("minilm", "config.json")


def test_a_missing_file_is_a_sentence_with_the_command_that_installs_it(copied_package):
    with pytest.raises(WeightsError, match="pip install --no-deps --require-hashes -r requirements-weights"):
        weights.path("minilm", "model.safetensors")
    problems = {check.file: check.problem for check in weights.verify("minilm")}
    assert problems["config.json"] == ""
    assert "is missing" in problems["model.safetensors"]


def test_no_code_of_a_package_with_weights_runs(copied_package):
    assert weights.path("minilm", "tokenizer.json").parent == copied_package / "model"


def test_a_file_without_a_pinned_digest_is_not_used():
    with pytest.raises(WeightsError, match="no pinned digest"):
        weights.path("minilm", "vocab.txt")


def test_unknown_weights_are_answered_with_the_known_ones():
    with pytest.raises(UsageError, match="known are: efficientnet_lite0, minilm"):
        weights.get("resnet")


def test_requirements_pin_the_packages_of_the_manifest_by_hash():
    lines = (ROOT / "requirements-weights.txt").read_text().replace("\\\n", " ").splitlines()
    required = {line.split()[0] for line in lines if line.strip() and not line.startswith("#")}
    entries = tomllib.loads((Path(weights.__file__).parent / "manifest.toml").read_text()).values()
    assert required == {f"{entry['package']}=={entry['version']}" for entry in entries}
    assert all("--hash=sha256:" in line for line in lines if "==" in line)
