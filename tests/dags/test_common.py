"""What a task's error becomes: retried where a retry can mend it, failed at once otherwise."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PROGRAM = """
import json, sys
sys.path.insert(0, sys.argv[1])
from airflow.sdk.exceptions import AirflowFailException
import medsift_common
from medsift_common import mended_by_retry_or_failed
from medsift import errors
from medsift.volume import VolumeError

def outcome(error):
    try:
        with mended_by_retry_or_failed():
            raise error
    except AirflowFailException as raised:
        return ["failed", str(raised)]
    except Exception as raised:
        return ["retried", str(raised)]

class Instance:
    def xcom_push(self, key, value):
        raise KeyError("what the API server did not answer")

def outcome_of_keeping():
    medsift_common.get_current_context = lambda: {"ti": Instance()}
    try:
        medsift_common.keep_summary(dict)
    except AirflowFailException:
        return ["failed", ""]
    except KeyError:
        return ["retried", ""]

found = {error: outcome(eval(error)) for error in sys.argv[2:]}
print(json.dumps(found | {"keeping": outcome_of_keeping()}))
"""
MENDED = (
    "errors.StoreLostError('gone')",
    "VolumeError('full')",
    "ConnectionError('reset')",
    "MemoryError('none')",
)
NOT_MENDED = {
    "errors.SettingError('profile', 'x', 'lite')": "Setting profile = 'x': allowed is lite.",
    "errors.WeightsError('No weights.')": "No weights.",
    "KeyError('name')": "KeyError: 'name'",
}


@pytest.fixture(scope="module")
def outcomes(airflow_home_environment: dict[str, str]) -> dict[str, list[str]]:
    """What becomes of each error, as [outcome, sentence]."""
    command = [sys.executable, "-c", PROGRAM, str(PROJECT / "dags"), *MENDED, *NOT_MENDED]
    done = subprocess.run(command, env=airflow_home_environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("error", MENDED)
def test_what_a_retry_can_mend_is_retried(outcomes: dict[str, list[str]], error: str) -> None:
    assert outcomes[error][0] == "retried"


@pytest.mark.parametrize("error", NOT_MENDED)
def test_what_a_retry_cannot_mend_fails_at_once_with_its_sentence(outcomes: dict[str, list[str]], error: str) -> None:
    assert outcomes[error] == ["failed", NOT_MENDED[error]]


def test_work_that_was_done_is_not_lost_for_good_where_airflow_cannot_take_its_summary(
    outcomes: dict[str, list[str]],
) -> None:
    assert outcomes["keeping"][0] == "retried"
