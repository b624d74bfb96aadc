import sys

import pytest

from medsift.errors import UsageError
from medsift.registry import Registry


@pytest.fixture
def room(tmp_path, monkeypatch):
    """A package with two modules that register something and one that must not be imported."""
    folder = tmp_path / "a_room"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "from medsift.registry import Registry\nTHINGS = Registry('thing', 'a_room')\nregister = THINGS.register\n"
    )
    (folder / "one.py").write_text("from a_room import register\nregister('one')(1)\n")
    (folder / "two.py").write_text("from a_room import register\nregister('two')(2)\n")
    (folder / "_part.py").write_text("raise RuntimeError('a part of another module was imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    for name in [name for name in sys.modules if name.split(".")[0] == "a_room"]:
        del sys.modules[name]


def things() -> Registry[int]:
    import a_room

    return a_room.THINGS


@pytest.mark.usefixtures("room")
def test_a_file_in_the_room_is_all_it_takes_to_add_a_thing():
    assert things().names() == ["one", "two"]
    assert things().get("two") == 2


@pytest.mark.usefixtures("room")
def test_nothing_is_imported_before_the_first_question():
    assert things()
    assert "a_room.one" not in sys.modules


@pytest.mark.usefixtures("room")
def test_an_unknown_name_is_answered_with_all_known_ones():
    with pytest.raises(UsageError, match="There is no thing 'three'; known are: one, two"):
        things().get("three")


def test_a_name_registered_twice_is_an_error(room):
    (room / "three.py").write_text("from a_room import register\nregister('two')(3)\n")
    with pytest.raises(ValueError, match="thing 'two' is registered twice"):
        things().names()


def test_a_module_that_cannot_be_imported_is_loud_every_time(room):
    (room / "broken.py").write_text("import nothing_of_that_name\n")
    for _ in range(2):
        with pytest.raises(ModuleNotFoundError):
            things().names()
