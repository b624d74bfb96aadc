"""Names that stand for what may identify a person: the same for the same thing, and no way back without the key."""

import hmac

DIGITS = 32
STAND_INS = frozenset(["ANON", "ANONYM", "UNKNOWN", "NONE", "NULL", "NA", "TEST", "PATIENT", "PHANTOM", "REMOVED"])
STAND_INS_BEGIN = ("ANONYM", "DEIDENTIF")


def stands_for_nobody(patient: str) -> bool:
    """Whether a patient's ID is what programs write in place of one: the patients of such files are not one person."""
    letters = "".join(filter(str.isalnum, patient)).upper()
    return not letters.strip("0") or letters in STAND_INS or (letters.isalpha() and letters.startswith(STAND_INS_BEGIN))


def pseudonym(key: bytes, kind: str, value: str) -> str:
    """Keyed hash (HMAC-SHA256) of a value, 32 hex digits; values of another `kind` never get the same one."""
    return hmac.new(key, f"{kind}\n{value}".encode("utf-8", "surrogateescape"), "sha256").hexdigest()[:DIGITS]


def path_pseudonym(key: bytes, path: str) -> str:
    """What stands in place of the path of a DICOM file, which often is a person's name."""
    return f"dicom:{pseudonym(key, 'path', path)}"
