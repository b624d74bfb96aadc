"""A stack's folder without a stack."""

from pathlib import Path

import pytest

from medsift.topology.layout import StackLayout


@pytest.fixture
def layout(tmp_path: Path) -> StackLayout:
    """An empty one."""
    made = StackLayout(tmp_path / "stack")
    made.prepare()
    return made
