"""Filters as they stand in addresses, the same for pages, REST and exports."""

from typing import Annotated, Literal

from fastapi import Depends, Query
from pydantic import BeforeValidator, Field

from medsift.store import PictureFilter

AS_NONE = BeforeValidator(lambda value: None if value == "" else value)  # forms send fields that are left empty
Share = Annotated[Annotated[float, Field(ge=0, le=1)] | None, AS_NONE, Query()]
Word = Annotated[Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")] | None, AS_NONE, Query()]
YesNo = Annotated[bool | None, AS_NONE, Query()]
Number = Annotated[Annotated[int, Field(ge=0, le=2**31 - 1)] | None, AS_NONE, Query()]
Side = Annotated[Literal["medical", "non-medical"] | None, AS_NONE, Query()]
Decider = Annotated[Literal["person", "model"] | None, AS_NONE, Query()]

OF_SET = "digest of the model set whose verdict is shown; a cluster without it is one of the set in use"
SetOfCluster = Annotated[Word, Query(description=OF_SET)]


def _filter(
    label: Side = None,
    kind: Word = None,
    min_confidence: Share = None,
    max_confidence: Share = None,
    min_probability: Share = None,
    max_probability: Share = None,
    needs_review: YesNo = None,
    source: Word = None,
    source_kind: Word = None,
    run: Word = None,
    disputed: YesNo = None,
    duplicates: YesNo = None,
    decided_by: Decider = None,
    cluster: Number = None,
    model_set: SetOfCluster = None,
    words: Word = None,
) -> PictureFilter:
    return PictureFilter(
        label=label,
        kind=kind,
        min_confidence=min_confidence,
        max_confidence=max_confidence,
        min_probability=min_probability,
        max_probability=max_probability,
        needs_review=needs_review,
        source=source,
        source_kind=source_kind,
        run=run,
        disputed=disputed,
        duplicates=duplicates,
        decided_by=decided_by,
        cluster=cluster,
        model_set=model_set,
        words=words,
    )


Filter = Annotated[PictureFilter, Depends(_filter)]
Sort = Literal["newest", "least_sure", "surest", "most_medical", "least_medical"]
After = Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$", description="the `next` of the page before")]
