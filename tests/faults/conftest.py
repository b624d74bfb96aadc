"""One stack for all faults: each test empties its tables and begins a run of its own."""

import logging
from collections.abc import Callable, Iterator

import pytest

from tests.faults.hurt_stack import HurtStack, hurt_stack

log = logging.getLogger(__name__)


@pytest.fixture(scope="session")
def hurt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HurtStack]:
    """The stack, after one run that nobody disturbed."""
    with hurt_stack(tmp_path_factory.mktemp("faults") / "var") as stack:
        yield stack


@pytest.fixture
def noted(record_property: Callable[[str, object], None]) -> Callable[[str, float], None]:
    """Notes measured seconds, for docs/reliability.md: `pytest --log-cli-level=INFO` shows them."""

    def note(what: str, seconds: float) -> None:
        record_property(what, round(seconds, 1))
        log.info("measured: %s: %.1f s", what, seconds)

    return note
