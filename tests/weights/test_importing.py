import hashlib

import pytest

from medsift.errors import UsageError, WeightsError
from medsift.volume import Volume
from medsift.weights.importing import import_file, import_known
from medsift.weights.local import find, locate, pins
from medsift.weights.published import published

DATA = b"weights of some model"
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def volume(tmp_path):
    return Volume(tmp_path / "volume")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "ViT-L-14.pt"
    path.write_bytes(DATA)
    return path


def test_weights_of_another_model_are_pinned_on_the_volume_under_the_digest_given(volume, file):
    pin = import_file(volume, "ViT-L-14", file, sha256=DIGEST, tag="openai")
    file.unlink()
    assert locate(volume, "ViT-L-14").read_bytes() == DATA
    assert find(volume, "ViT-L-14") == pin == pins(volume)["ViT-L-14"]
    assert (pin.bytes, pin.tag) == (len(DATA), "openai")


def test_without_a_digest_unknown_weights_are_refused(volume, file):
    with pytest.raises(UsageError, match="--sha256"):
        import_file(volume, "ViT-L-14", file)
    with pytest.raises(UsageError, match="is no SHA-256"):
        import_file(volume, "ViT-L-14", file, sha256="123")


def test_another_file_than_the_pinned_one_is_refused_with_both_digests(volume, file):
    with pytest.raises(WeightsError) as caught:
        import_file(volume, "mobilenet_v2", file)
    assert DIGEST in str(caught.value)
    assert published()["mobilenet_v2"].sha256 in str(caught.value)
    assert [path for path in volume.weights.rglob("*") if path.is_file()] == []


def test_a_pin_once_set_is_not_set_anew(volume, file):
    import_file(volume, "ViT-L-14", file, sha256=DIGEST)
    with pytest.raises(WeightsError, match=f"pinned with SHA-256 {DIGEST}, not {'0' * 64}"):
        import_file(volume, "ViT-L-14", file, sha256="0" * 64)


def test_a_file_altered_on_the_volume_is_refused(volume, file):
    path = import_file(volume, "ViT-L-14", file, sha256=DIGEST).path(volume)
    locate(volume, "ViT-L-14")
    path.write_bytes(DATA + b"!")
    with pytest.raises(WeightsError, match=f"expected is {DIGEST}"):
        locate(volume, "ViT-L-14")


def test_of_a_folder_the_files_known_by_name_or_digest_are_taken(volume, file, tmp_path):
    import_file(volume, "ViT-L-14", file, sha256=DIGEST).path(volume).unlink()
    folder = tmp_path / "downloads"
    folder.mkdir()
    (folder / "renamed.pt").write_bytes(DATA)
    (folder / "notes.txt").write_text("nothing")
    assert [pin.name for pin in import_known(volume, folder)] == ["ViT-L-14"]
    assert locate(volume, "ViT-L-14").exists()


def test_a_folder_without_known_weights_is_answered_with_the_known_files(volume, tmp_path):
    with pytest.raises(UsageError, match=r"known files are: ViT-B-32.pt, mobilenet_v2-7ebf99e0.pth"):
        import_known(volume, tmp_path)


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden"])
def test_names_cannot_lead_elsewhere(volume, file, name):
    with pytest.raises(UsageError, match="is no name of weights"):
        import_file(volume, name, file, sha256=DIGEST)


def test_missing_weights_are_a_sentence_with_both_ways_to_bring_them(volume):
    with pytest.raises(WeightsError, match=r"medsift weights fetch resnet50.*medsift weights import resnet50 FILE"):
        locate(volume, "resnet50")
    with pytest.raises(WeightsError, match=r"no pinned digest.*--sha256"):
        locate(volume, "ViT-L-14")


def test_a_spoilt_manifest_is_a_sentence(volume):
    volume.weights.mkdir(parents=True)
    volume.weights_manifest.write_text("[1]")
    with pytest.raises(WeightsError, match="is no manifest of weights"):
        pins(volume)
