"""Ten minutes of 50 new documents each: the stack keeps up, and what it holds between tasks does not grow."""

import logging
from pathlib import Path
from statistics import median

import pytest
from soak import soak, states_at_the_end

from tests.faults.hurt_stack import hurt_stack

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.timeout(3600)]
MINUTES, DOCUMENTS = 10, 50
GROWTH = 1.2  # minutes differ by a tenth in what of a task is at work when memory is least
log = logging.getLogger(__name__)


def test_memory_stays_flat_while_documents_come_in_every_minute(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder: Path = tmp_path_factory.mktemp("soak") / "var"
    with hurt_stack(folder) as stack:
        minutes = list(soak(stack.settings, MINUTES, DOCUMENTS))
        states = states_at_the_end(stack.settings, minutes)
    for each in minutes:
        log.info("%s", each)
    least = [each.least_mb for each in minutes[1:]]  # the first still starts what stays
    assert states == ["success"] * MINUTES
    assert median(least[-3:]) < GROWTH * median(least[:3]), least
