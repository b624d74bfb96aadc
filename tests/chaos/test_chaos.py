"""A short session of the random killer; `python -m tests.chaos.killer` goes on for longer."""

from pathlib import Path

import pytest

from tests.chaos.killer import Killer
from tests.faults.hurt_stack import hurt_stack

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.timeout(3600)]
KILLS = 8


def test_runs_that_are_hit_at_random_moments_end_with_the_rows_of_an_undisturbed_one(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder: Path = tmp_path_factory.mktemp("chaos") / "var"
    with hurt_stack(folder) as stack:
        rounds = list(Killer(stack, seed=1).rounds(1, KILLS))
    assert [str(one) for one in rounds if not one.is_whole] == []
    assert sum(len(one.hits) for one in rounds) >= KILLS
