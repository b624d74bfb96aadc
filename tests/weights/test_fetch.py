import fcntl

import pytest

from medsift.errors import WeightsError
from medsift.volume import Volume, sha256_of_file
from medsift.weights import fetch as fetching
from medsift.weights.fetch import fetch


def nobody(file, done, total):
    """Nobody is told."""


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(fetching, "PAUSE_S", 0.01)


def left_over(settings):
    return [path for path in Volume(settings.volume).weights.rglob("*") if path.is_file()]


def test_a_file_lies_under_its_digest_and_progress_ends_at_its_size(mirror, settings):
    told = []
    path = fetch(mirror.entry(), settings, lambda *step: told.append(step))
    assert path == Volume(settings.volume).weights_file(sha256_of_file(path), "weights.pth")
    assert path.read_bytes() == mirror.data
    assert told[-1] == ("weights.pth", len(mirror.data), len(mirror.data))
    assert left_over(settings) == [path]


def test_a_connection_that_drops_half_way_is_gone_on_with_where_it_stood(mirror, settings):
    mirror.cuts = [500_000, 100_000]
    path = fetch(mirror.entry(), settings, nobody)
    assert path.read_bytes() == mirror.data
    assert mirror.asked == ["", "bytes=458752-", "bytes=524288-"]  # whole chunks of 64 kB are kept


def test_a_fetch_that_was_killed_is_gone_on_with_by_the_next(mirror, settings):
    entry = mirror.entry()
    partial = Volume(settings.volume).weights_partial(entry.sha256)
    partial.parent.mkdir(parents=True)
    partial.write_bytes(mirror.data[:700_000])
    assert fetch(entry, settings, nobody).read_bytes() == mirror.data
    assert mirror.asked == ["bytes=700000-"]


def test_a_server_that_knows_no_ranges_is_asked_for_the_whole_again(mirror, settings):
    mirror.cuts, mirror.knows_ranges = [500_000], False
    assert fetch(mirror.entry(), settings, nobody).read_bytes() == mirror.data


def test_a_busy_server_is_tried_again_and_given_up_in_a_sentence(mirror, settings):
    mirror.refusals = [503, 429]
    assert fetch(mirror.entry(), settings, nobody).exists()
    mirror.refusals = [503] * 9
    with pytest.raises(WeightsError, match=r"5 tries brought nothing; the last: The server is busy \(status 503\)"):
        fetch(mirror.entry(sha256="0" * 64), settings, nobody)


def test_a_missing_file_is_given_up_at_once_with_the_way_by_hand(mirror, settings):
    mirror.refusals = [404]
    with pytest.raises(WeightsError, match=r"status 404.*medsift weights import thing weights.pth"):
        fetch(mirror.entry(), settings, nobody)
    assert len(mirror.asked) == 1


def test_a_wrong_digest_is_refused_with_both_and_nothing_is_kept(mirror, settings):
    entry = mirror.entry(sha256="ab" * 32)
    with pytest.raises(WeightsError) as caught:
        fetch(entry, settings, nobody)
    assert "ab" * 32 in str(caught.value)
    assert mirror.entry().sha256 in str(caught.value)
    assert left_over(settings) == []


def test_a_server_that_sends_without_end_is_cut_off(mirror, settings):
    with pytest.raises(WeightsError, match="sends more than the 1000 bytes"):
        fetch(mirror.entry(bytes=1000), settings, nobody)
    assert left_over(settings) == []


def test_a_file_that_is_shorter_than_pinned_is_given_up(mirror, settings):
    with pytest.raises(WeightsError, match="tries brought nothing"):
        fetch(mirror.entry(bytes=len(mirror.data) + 1), settings, nobody)


def test_a_slow_server_is_waited_for_while_something_comes(mirror, settings):
    mirror.chunk_pause_s = 0.4
    impatient = settings.model_copy(update={"http_timeout_s": 1.0})
    assert fetch(mirror.entry(), impatient, nobody).read_bytes() == mirror.data
    assert len(mirror.asked) == 1


def test_a_server_that_falls_silent_is_asked_again(mirror, settings):
    mirror.chunk_pause_s = 1.0
    impatient = settings.model_copy(update={"http_timeout_s": 0.3})
    assert fetch(mirror.entry(), impatient, nobody).read_bytes() == mirror.data
    assert len(mirror.asked) > 1


def test_what_is_there_is_not_fetched_again(mirror, settings):
    fetch(mirror.entry(), settings, nobody)
    fetch(mirror.entry(), settings, nobody)
    assert len(mirror.asked) == 1


def test_two_processes_do_not_write_one_file(mirror, settings):
    partial = Volume(settings.volume).weights_partial(mirror.entry().sha256)
    partial.parent.mkdir(parents=True)
    with partial.open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(WeightsError, match="fetched by another process"):
            fetch(mirror.entry(), settings, nobody)


def test_a_private_authority_is_trusted_by_setting_only(tls_mirror, settings):
    mirror, certificate = tls_mirror
    with pytest.raises(WeightsError, match="its certificate is not trusted"):
        fetch(mirror.entry(), settings, nobody)
    trusting = settings.model_copy(update={"weights_ca_file": certificate})
    assert fetch(mirror.entry(), trusting, nobody).read_bytes() == mirror.data


def test_no_redirect_leads_from_https_to_http(tls_mirror, mirror, settings):
    tls, certificate = tls_mirror
    tls.redirect = f"{mirror.origin}/weights.pth"
    with pytest.raises(WeightsError, match="it leads on to http://127"):
        fetch(tls.entry(), settings.model_copy(update={"weights_ca_file": certificate}), nobody)
    assert mirror.asked == []


def test_a_redirect_is_followed_and_a_circle_is_left(mirror, settings):
    mirror.redirect = "/weights.pth"
    with pytest.raises(WeightsError, match="leads on more than 5 times"):
        fetch(mirror.entry(), settings, nobody)


def test_a_proxy_is_taken_from_the_setting_and_not_from_the_environment(mirror, settings, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    direct = fetch(mirror.entry(), settings, nobody)
    direct.unlink()
    elsewhere = mirror.entry()
    object.__setattr__(elsewhere, "address", "http://weights.invalid/weights.pth")
    through = settings.model_copy(update={"weights_proxy": mirror.origin})
    assert fetch(elsewhere, through, nobody).read_bytes() == mirror.data
