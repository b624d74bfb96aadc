"""Postgres: what was found, decided and said by people. All SQL of medsift is in this room."""

from medsift.store.records import (
    EncodedVectors,
    ExportFilter,
    ExportRow,
    KnownSource,
    LabelRow,
    LabelsAdded,
    ModelSetRecord,
    Neighbour,
    RunRecord,
    RunState,
    SourceVerdicts,
)
from medsift.store.review import QueuedPicture, SuspectedLabel
from medsift.store.schema import migrate
from medsift.store.store import Store

__all__ = [
    "EncodedVectors",
    "ExportFilter",
    "ExportRow",
    "KnownSource",
    "LabelRow",
    "LabelsAdded",
    "ModelSetRecord",
    "Neighbour",
    "QueuedPicture",
    "RunRecord",
    "RunState",
    "SourceVerdicts",
    "Store",
    "SuspectedLabel",
    "migrate",
]
