"""Whatever the description of the API allows, and much that it does not, is answered without a fault of ours."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from tests.review.made import Made

pytestmark = pytest.mark.postgres
EXAMPLES = 15  # a route


def test_no_request_ends_in_a_server_error(bench):
    bench.publish(*(Made(number, 0.6, cluster=number % 3, caption=f"Figure {number}") for number in range(12)))
    headers = {"authorization": "Bearer root:ADMINISTER"}
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", bench.app, headers=headers)
    asked = 0
    for each in schema.get_all_operations():
        operation = each.ok()

        @settings(
            max_examples=EXAMPLES, deadline=None, database=None, phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy())
        def ask(case):
            answer = case.call(headers=headers)
            assert answer.status_code != 500, (case.method, case.path, answer.text)

        ask()
        asked += 1
    assert asked >= 20
