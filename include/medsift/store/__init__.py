"""Postgres: what was found, decided and said by people. All SQL of medsift is in this room."""

from medsift.store.details import JudgedLabel, PastRun, PictureDetails, ShownPlace
from medsift.store.gallery import SORTS, ListedPicture, SourceCount, Totals
from medsift.store.labelling import Change, Changes, SaidLabel, Wish
from medsift.store.records import (
    EncodedVectors,
    ExportRow,
    KnownSource,
    LabelRow,
    LabelsAdded,
    ModelSetRecord,
    Neighbour,
    PictureFilter,
    RunRecord,
    RunState,
    SourceVerdicts,
)
from medsift.store.review import QueuedPicture, SuspectedLabel
from medsift.store.schema import migrate
from medsift.store.store import Store

__all__ = [
    "SORTS",
    "Change",
    "Changes",
    "EncodedVectors",
    "ExportRow",
    "JudgedLabel",
    "KnownSource",
    "LabelRow",
    "LabelsAdded",
    "ListedPicture",
    "ModelSetRecord",
    "Neighbour",
    "PastRun",
    "PictureDetails",
    "PictureFilter",
    "QueuedPicture",
    "RunRecord",
    "RunState",
    "SaidLabel",
    "ShownPlace",
    "SourceCount",
    "SourceVerdicts",
    "Store",
    "SuspectedLabel",
    "Totals",
    "Wish",
    "migrate",
]
