"""Hosts are asked whether and how fast they may be visited; one's own are not."""

import itertools
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from protego import Protego

from medsift.errors import SourceError, TemporaryError
from medsift.settings import Settings
from medsift.sources._web import wire
from medsift.sources._web.addresses import is_public
from medsift.sources._web.manners import MAX_RULES, NAME, Manners, for_us, is_refused
from medsift.sources.http import Door


@pytest.fixture
def public(monkeypatch, serve):
    """A server that counts as one of the internet."""
    monkeypatch.setattr(wire, "is_public", lambda address: address == "127.0.0.2" or is_public(address))
    return serve("127.0.0.2")


@pytest.fixture
def visitor():
    return Door(Settings(http_timeout_s=0.3, http_delay_s=0))


def forbidding(server, path="/private"):
    server.serve("/robots.txt", f"User-agent: *\nDisallow: {path}".encode(), content_type="text/plain")


def test_what_robots_txt_forbids_is_not_fetched_and_it_is_asked_once(public, visitor):
    forbidding(public)
    public.serve("/private/a", b"secret")
    public.serve("/open", b"open")
    with pytest.raises(SourceError, match=r"/private/a is not fetched: robots\.txt"):
        visitor.get(public.url("/private/a"))
    assert visitor.get(public.url("/open")).data == b"open"
    assert public.paths == ["/robots.txt", "/open"]


def test_a_rule_for_us_by_name_counts_before_that_for_all(public, visitor):
    public.serve("/robots.txt", b"User-agent: *\nDisallow: /\n\nUser-agent: medsift\nDisallow: /b")
    public.serve("/a", b"welcome")
    assert visitor.get(public.url("/a")).data == b"welcome"
    with pytest.raises(SourceError, match="robots"):
        visitor.get(public.url("/b"))


def test_a_redirect_does_not_lead_where_robots_txt_forbids(public, visitor):
    forbidding(public)
    public.serve("/a", status=302, Location="/private/b")
    public.serve("/private/b", b"secret")
    with pytest.raises(SourceError, match="robots"):
        visitor.get(public.url("/a"))
    assert public.paths == ["/robots.txt", "/a"]


def test_a_host_without_robots_txt_may_be_visited(public, visitor):
    public.serve("/a", b"here")
    assert visitor.get(public.url("/a")).data == b"here"


@pytest.mark.timeout(30)
@pytest.mark.parametrize("way", ["/en/robots.txt", "/login", "/robots.txt/"])
def test_rules_that_lie_elsewhere_on_the_host_are_found_and_not_waited_for(public, visitor, way):
    public.serve("/robots.txt", status=302, Location=way)
    public.serve(way, b"User-agent: *\nDisallow: /private", content_type="text/plain")
    public.serve("/a", b"here")
    assert visitor.get(public.url("/a")).data == b"here"
    with pytest.raises(SourceError, match="robots"):
        visitor.get(public.url("/private/b"))


@given(st.lists(st.sampled_from(["medsift", "*", "otherbot", "MedSift/1.0"]), min_size=1, max_size=3),
       st.lists(st.sampled_from(["medsift", "*", "otherbot"]), min_size=1, max_size=3))  # fmt: skip
def test_of_groups_for_many_visitors_those_for_us_say_what_the_whole_file_says(first, second):
    groups = ["\n".join(f"User-agent: {name}" for name in names) for names in (first, second)]
    text = f"# words\n{groups[0]}\nDisallow: /a # why\nAllow: /a/b\n\n{groups[1]}\nDisallow: /c\nSitemap: /s"
    whole, ours = Protego.parse(text), Protego.parse(for_us(text))
    for path in ("/a", "/a/b", "/c", "/d"):
        assert ours.can_fetch(f"http://h{path}", NAME) == whole.can_fetch(f"http://h{path}", NAME)


def test_rules_for_others_and_more_than_anybody_needs_are_left_out_before_they_are_parsed():
    agents = "\n".join(f"user-agent: bot{number}" for number in range(5000))
    rules = "\n".join(f"disallow: /*{number}*$" for number in range(20_000))
    assert for_us(f"{agents}\n{rules}") == ""
    assert len(for_us(f"{agents}\nuser-agent: *\n{rules}").splitlines()) == MAX_RULES


def test_where_robots_txt_cannot_be_had_just_now_nothing_is_fetched_until_it_can(public, visitor):
    public.serve("/robots.txt", status=500)
    public.serve("/a", b"here")
    with pytest.raises(TemporaryError, match="may be fetched is not known just now"):
        visitor.get(public.url("/a"))
    assert "/a" not in public.paths
    public.serve("/robots.txt", b"")
    assert visitor.get(public.url("/a")).data == b"here"


@pytest.mark.parametrize("rules", [b"\xff\xfe\0garbage", b"Disallow: /\n" * 10, b"User-agent: *\nCrawl-delay: never"])
def test_rules_that_say_nothing_forbid_nothing(public, visitor, rules):
    public.serve("/robots.txt", rules)
    public.serve("/a", b"here")
    assert visitor.get(public.url("/a")).data == b"here"


def test_what_asks_not_to_be_taken_is_not(public, visitor):
    public.serve("/a", b"a picture", X_Robots_Tag="noimageindex")
    with pytest.raises(SourceError, match="X-Robots-Tag"):
        visitor.get(public.url("/a"))


@pytest.mark.parametrize(
    ("tag", "refused"),
    [("", False), ("noindex", True), ("NOINDEX, nofollow", True), ("none", True), ("nofollow, nosnippet", False),
     ("otherbot: noindex", False), ("otherbot: nofollow, noindex", False), ("medsift: noindex", True),
     ("otherbot: noindex, medsift: noimageindex", True), ("unavailable_after: 25 Jun 2030, noindex", True),
     ("max-image-preview: none", False)],
)  # fmt: skip
def test_a_robots_tag_is_read_as_its_authors_mean_it(tag, refused):
    assert is_refused(tag) == refused


def test_a_setting_makes_robots_not_count(public):
    forbidding(public, "/")
    public.serve("/a", b"here", X_Robots_Tag="none")
    assert Door(Settings(obey_robots=False, http_delay_s=0)).get(public.url("/a")).data == b"here"
    assert public.paths == ["/a"]


def test_ones_own_hosts_are_neither_asked_nor_waited_for(site):
    forbidding(site, "/")
    site.serve("/a", b"here", X_Robots_Tag="none")
    door, start = Door(Settings(allowed_hosts=[site.host], http_delay_s=5)), time.monotonic()
    for _ in range(3):
        assert door.get(site.url("/a")).data == b"here"
    assert site.paths == ["/a"] * 3
    assert time.monotonic() - start < 4


@pytest.mark.parametrize(("delay_s", "rules"), [(0.3, b""), (0, b"User-agent: *\nCrawl-delay: 0.3")])
def test_a_pause_is_made_between_two_requests_to_one_host_whoever_makes_them(public, delay_s, rules):
    times = []

    def answer(handler):
        times.append(time.monotonic())
        handler.send_response(200)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    public.serve("/robots.txt", rules)
    public.routes["/a"] = answer
    manners = Manners(delay_s)
    doors = [Door(Settings(http_timeout_s=5), manners) for _ in range(3)]
    doors[0].get(public.url("/a"))
    threads = [threading.Thread(target=door.get, args=(public.url("/a"),)) for door in doors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(times) == 4
    assert all(later - earlier > 0.25 for earlier, later in itertools.pairwise(times))


def test_a_delay_longer_than_anyone_waits_is_cut(public, visitor, monkeypatch):
    public.serve("/robots.txt", b"User-agent: *\nCrawl-delay: 86400")
    public.serve("/a", b"here")
    waited = []
    monkeypatch.setattr("medsift.sources._web.manners.time.sleep", waited.append)
    for _ in range(2):
        visitor.get(public.url("/a"))
    assert 5 < max(waited) <= 10


def test_few_requests_are_under_way_to_one_host_at_once(public):
    at_once, most, lock = 0, 0, threading.Lock()

    def answer(handler):
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.1)
        with lock:
            at_once -= 1
        handler.send_response(200)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    public.routes["/a"] = answer
    manners = Manners(0)
    doors = [Door(Settings(http_timeout_s=5, obey_robots=False), manners) for _ in range(6)]
    threads = [threading.Thread(target=door.get, args=(public.url("/a"),)) for door in doors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 2
