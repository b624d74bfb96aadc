"""Where a picture stands, as its page shows it."""

from dataclasses import replace

import pytest

from tests.store.conftest import sha

pytestmark = pytest.mark.postgres


def test_a_page_is_shown_of_the_document_itself_and_not_of_a_file_attached_to_it(store, make_batch):
    made = make_batch(sources={"/in/a.pdf": [1, 2]})
    own, attached = made.occurrences[:2]
    attached = replace(attached, path="/in/a.pdf/attached.pdf")
    store.begin_run(made.record)
    store.publish_pictures("run-1", made.pictures, [], made.votes, made.verdicts, "set-1", "prompts-1")
    store.publish_sources("run-1", made.outcomes, [own, attached], "code-1")
    (place,), (hidden,) = (store.details(sha(word)).places for word in (1, 2))
    document = made.outcomes[0].digest
    assert (place.document, place.page, hidden.document, hidden.page) == (document, 1, None, 2)
    assert (hidden.source, hidden.path) == ("/in/a.pdf", "/in/a.pdf/attached.pdf")
    assert store.has_picture_on(document, 1)
    assert not store.has_picture_on(document, 2)
