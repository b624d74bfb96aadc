"""A small world of real pictures that installed packages carry."""

import shutil
from pathlib import Path

import pytest
from PIL import Image

from medsift.settings import Settings


@pytest.fixture(scope="session")
def small_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two photographs (one twice), two DICOM slices, an icon, a truncated JPEG and a text file."""
    import pydicom.data
    import sklearn.datasets

    folder = tmp_path_factory.mktemp("world")
    images = Path(sklearn.datasets.__file__).parent / "images"
    shutil.copy(images / "china.jpg", folder / "a.jpg")
    shutil.copy(images / "flower.jpg", folder / "b.jpg")
    (folder / "sub").mkdir()
    shutil.copy(images / "china.jpg", folder / "sub" / "again.jpg")
    for name in ("CT_small.dcm", "MR_small.dcm"):
        shutil.copy(str(pydicom.data.get_testdata_file(name, download=False)), folder / name)
    Image.new("RGB", (10, 10), "red").save(folder / "icon.png")
    (folder / "cut.jpg").write_bytes((images / "flower.jpg").read_bytes()[:20_000])
    (folder / "notes.text").write_text("no picture")
    return folder


@pytest.fixture
def plain_settings(tmp_path: Path) -> Settings:
    """Settings of a volume of its own, without a database."""
    return Settings.load({"volume": str(tmp_path / "var")}, {})
