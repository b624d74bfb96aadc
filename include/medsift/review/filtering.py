"""Filters as they stand in addresses, the same for pages, REST and exports."""

from typing import Annotated, Literal

from fastapi import Depends, Query

from medsift.store import PictureFilter

Share = Annotated[float | None, Query(ge=0, le=1)]
Word = Annotated[str | None, Query(max_length=2000, pattern=r"^[^\x00]*$")]


def _filter(
    label: Literal["medical", "non-medical", ""] | None = None,
    kind: Word = None,
    min_confidence: Share = None,
    max_confidence: Share = None,
    min_probability: Share = None,
    max_probability: Share = None,
    needs_review: bool | None = None,
    source: Word = None,
    source_kind: Word = None,
    run: Word = None,
    disputed: bool | None = None,
    duplicates: bool | None = None,
    decided_by: Literal["person", "model", ""] | None = None,
    cluster: Annotated[int | None, Query(ge=0, le=2**31 - 1)] = None,
    words: Word = None,
) -> PictureFilter:
    return PictureFilter(
        label=label or None,
        kind=kind or None,
        min_confidence=min_confidence,
        max_confidence=max_confidence,
        min_probability=min_probability,
        max_probability=max_probability,
        needs_review=needs_review,
        source=source or None,
        source_kind=source_kind or None,
        run=run or None,
        disputed=disputed,
        duplicates=duplicates,
        decided_by=decided_by or None,
        cluster=cluster,
        words=words or None,
    )


Filter = Annotated[PictureFilter, Depends(_filter)]
Sort = Literal["newest", "least_sure", "surest", "most_medical", "least_medical"]
After = Annotated[str | None, Query(max_length=200, description="the `next` of the page before")]
