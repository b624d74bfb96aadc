"""Pages that only send their visitor on, by `meta refresh` without a pause."""

import re

INSTANT = re.compile(
    r"\s*(?:0+(?:\.[\d.]*)?|\.[\d.]+)(?:\s*[;,]|\s)\s*(?:url\s*=\s*)?(?:\"([^\"]*)|'([^']*)|(.*))",
    re.IGNORECASE | re.DOTALL,
)
# Nothing of it is tried twice: a page may be ten megabytes of blanks.
MAY_REFRESH = re.compile(rb"http-equiv\s*+=\s*+[\"']?+\s*+refresh", re.IGNORECASE)


def may_refresh(page: bytes) -> bool:
    """Whether it is worth while to parse the page for a refresh."""
    return MAY_REFRESH.search(page) is not None


def target_of(content: str) -> str:
    """Where the attribute `content` of an instant refresh leads (HTML Living Standard, 4.2.5.3); else empty."""
    found = INSTANT.match(content)
    return next((part for part in found.groups() if part), "").strip() if found else ""
