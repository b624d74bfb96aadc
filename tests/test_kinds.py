"""How people write a kind."""

import pytest

from medsift.kinds import MOST_CHARACTERS, as_kind


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("  Slit   Lamp ", "slit lamp"),
        ("X-ray_2", "x-ray_2"),
        ("e\u0301chographie", "\u00e9chographie"),
        ("\u0939\u093f\u0928\u094d\u0926\u0940", "\u0939\u093f\u0928\u094d\u0926\u0940"),
        ("a" * MOST_CHARACTERS, "a" * MOST_CHARACTERS),
    ],
)
def test_one_kind_has_one_name(told, expected):
    assert as_kind(told) == expected
    assert as_kind(expected) == expected


@pytest.mark.parametrize(
    "told",
    ["", " ", "-1+1", "=1+1", "<b>", "ct/mri", "a\x00b", "a" * (MOST_CHARACTERS + 1), "\u0130" * MOST_CHARACTERS],
)
def test_what_is_no_name_is_refused_with_what_is_allowed(told):
    with pytest.raises(ValueError, match="letters, digits, spaces and dashes"):
        as_kind(told)
