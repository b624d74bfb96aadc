"""How people write a kind, one rule for pages, programs and files, so that one kind has one name."""

import unicodedata

MOST_CHARACTERS = 100
RULE = f"letters, digits, spaces and dashes, {MOST_CHARACTERS} at most, no dash first"


def as_kind(text: str) -> str:
    """The kind in small letters with single spaces; raises `ValueError` where it has other signs or is too long."""
    kind = " ".join(unicodedata.normalize("NFC", text.lower()).split())
    has_known_signs = all(sign in " _-" or unicodedata.category(sign)[0] in "LMN" for sign in kind)
    if not kind or kind.startswith("-") or len(kind) > MOST_CHARACTERS or not has_known_signs:
        raise ValueError(f"a kind has {RULE}")
    return kind
