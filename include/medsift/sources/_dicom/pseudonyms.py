"""Names that stand for what may identify a person: the same for the same thing, and no way back without the key."""

import hmac

DIGITS = 32


def pseudonym(key: bytes, kind: str, value: str) -> str:
    """Keyed hash (HMAC-SHA256) of a value, 32 hex digits; values of another `kind` never get the same one."""
    return hmac.new(key, f"{kind}\n{value}".encode("utf-8", "surrogateescape"), "sha256").hexdigest()[:DIGITS]


def path_pseudonym(key: bytes, path: str) -> str:
    """What stands in place of the path of a DICOM file, which often is a person's name."""
    return f"dicom:{pseudonym(key, 'path', path)}"
