"""Login and rights, route by route; writes from elsewhere; what every answer carries."""

import pytest
from fastapi.routing import APIRoute

from medsift.review import Right, create_app
from medsift.settings import Settings
from tests.review.made import Made, identity

pytestmark = pytest.mark.postgres

# What changes something, and the right it takes; all other routes only read.
WRITES = {
    ("POST", "/api/v1/labels"): Right.LABEL,
    ("POST", "/api/v1/labels/take-back"): Right.LABEL,
    ("POST", "/api/v1/labels/done"): Right.LABEL,
    ("POST", "/api/v1/uploads"): Right.LABEL,
    ("POST", "/api/v1/runs"): Right.LABEL,
    ("POST", "/api/v1/models/rollback"): Right.ADMINISTER,
    ("POST", "/api/v1/models/{digest}/promote"): Right.ADMINISTER,
}
VALUES = {"sha256": "0" * 64, "number": "1", "name": "app.css", "digest": "0" * 64, "run": "run-1"}
JUST_BELOW = {Right.LABEL: "vera:READ", Right.ADMINISTER: "anna:LABEL"}


def all_routes():
    settings = Settings.load({}, {})
    app = create_app(None, None, None, None, settings)  # type: ignore[arg-type]  # only its list of routes
    return sorted(
        (method, route.path) for route in app.routes if isinstance(route, APIRoute) for method in route.methods
    )


ROUTES = all_routes()


def ask(client, method, path):
    return client.request(method, path.format(**VALUES), json={} if method != "GET" else None)


def test_every_route_that_writes_is_listed_here_with_its_right():
    assert {(method, path) for method, path in ROUTES if method != "GET"} == set(WRITES)


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_without_login_nothing_is_told(bench, method, path):
    answer = ask(bench.client(""), method, path)
    assert answer.status_code in ((401,) if method == "GET" else (401, 403))
    assert ask(bench.client("somebody"), method, path).status_code == 403


@pytest.mark.parametrize(("method", "path"), [route for route in ROUTES if route not in WRITES])
def test_a_reader_may_read(bench, method, path):
    assert ask(bench.client("vera:READ"), method, path).status_code not in (401, 403, 500)


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_who_has_less_than_its_right_may_not_write(bench, method, path):
    answer = ask(bench.client(JUST_BELOW[WRITES[method, path]]), method, path)
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert "may not" in answer.json()["detail"]


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_who_has_its_right_may_write(bench, method, path):
    assert ask(bench.client(f"root:{WRITES[method, path].name}"), method, path).status_code not in (401, 403, 500)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"sec-fetch-site": "cross-site", "origin": "http://testserver"},
        {"sec-fetch-site": "same-site"},
        {"origin": "null"},
        {"cookie": "who=anna:LABEL"},
    ],
    ids=str,
)
@pytest.mark.parametrize(("method", "path"), WRITES)
def test_a_write_from_another_site_is_refused_whoever_is_logged_in(bench, method, path, headers):
    client = bench.client("")
    client.cookies.set("who", "anna:ADMINISTER")
    answer = client.request(method, path.format(**VALUES), json={}, headers=headers)
    assert answer.status_code == 403
    assert "another site" in answer.json()["detail"]


def test_our_own_page_may_write_with_the_cookie(bench):
    bench.publish(Made(1, 0.6))
    client = bench.client("")
    client.cookies.set("who", "anna:LABEL")
    body = {"labels": [{"sha256": identity(1), "label": "medical"}]}
    headers = {"origin": "http://testserver", "sec-fetch-site": "same-origin"}
    assert client.post("/api/v1/labels", json=body, headers=headers).status_code == 200


def test_our_own_page_may_write_behind_a_proxy_that_changes_the_host(bench):
    client = bench.client("")
    client.cookies.set("who", "anna:LABEL")
    headers = {"origin": "https://medsift.example", "sec-fetch-site": "same-origin"}
    assert client.post("/api/v1/labels/done", json={}, headers=headers).status_code == 200


def test_a_picture_in_the_browsers_cache_is_none_for_another_login(bench, anna):
    bench.publish(Made(1, 0.6))
    headers = anna.get(f"/api/v1/pictures/{identity(1)}/file").headers
    assert headers["vary"] == "Cookie, Authorization"
    assert headers["cache-control"] == "private, max-age=3600"


@pytest.mark.parametrize(("method", "path"), [route for route in ROUTES if route[0] == "GET"])
def test_every_answer_forbids_what_is_not_ours(bench, method, path):
    headers = ask(bench.client("vera:READ"), method, path).headers
    policy = headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "*" not in policy


def test_errors_are_problem_details_for_programs_and_a_page_for_people(bench, anna):
    told = anna.get(f"/api/v1/pictures/{identity(1)}")
    assert told.status_code == 404
    assert set(told.json()) == {"type", "title", "status", "detail"}
    shown = bench.client("").get("/review", headers={"accept": "text/html"})
    assert shown.status_code == 401
    assert "Log in" in shown.text


def test_a_body_without_end_is_not_read(anna):
    answer = anna.post("/api/v1/labels", content=(b"x" * 2**20 for _ in range(5)))
    assert answer.status_code in (413, 422)


def test_the_description_of_the_api_needs_a_login_as_well(bench, anna):
    assert bench.client("").get("/api/v1/openapi.json").status_code == 401
    assert "/api/v1/labels" in anna.get("/api/v1/openapi.json").json()["paths"]
