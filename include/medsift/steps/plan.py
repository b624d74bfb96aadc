"""Step `plan`: sources as typed become leaf sources (a file or an address) in 1 to 64 batches."""

import json
import logging
import math
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Literal

from medsift.contracts import Leaf
from medsift.errors import SettingError, UsageError
from medsift.settings import Settings
from medsift.sources.dicom import path_pseudonym
from medsift.sources.folder import real_path
from medsift.steps.context import Context, Summary
from medsift.steps.expand import Expansion, expand, inbox_sources, is_address, told
from medsift.steps.header import RunHeader
from medsift.steps.journal import digest_of
from medsift.steps.profile import encoder_digests, verdict_keys
from medsift.steps.resources import log_rate
from medsift.steps.tables import write_rows
from medsift.store import KnownSource
from medsift.volume import sha256_of_file, write_atomically

log = logging.getLogger(__name__)
STEP = "plan"

Trigger = Literal["cli", "on_demand", "nightly"]
MAX_BATCHES = 64
BATCH_COST = 2000  # about twenty seconds of work: an Airflow task takes two to three by itself
COSTS = {"folder": 1, "dicom": 2}  # a page or a PDF costs about as much as twenty picture files
DEFAULT_COST = 20
EXTRACTION_SETTINGS = (
    "min_image_size", "max_aspect_ratio", "max_pixels", "max_images_per_url", "compress_large_copies", "pdf_quality",
    "child_timeout_s", "child_memory_mb", "dicom_frames", "leave_out_burned_in", "allowed_extensions",
)  # fmt: skip
# Raise it when the same sources would give more. 3: TIFF cut short or of 12 bits, attached files without an ending.
READERS = 3


def extraction_digest(context: Context) -> str:
    """Digest of what governs fetching and extracting; sources extracted under another one are read again."""
    public = context.settings.public()
    return digest_of({name: public[name] for name in EXTRACTION_SETTINGS} | {"readers": READERS})


def run(context: Context, sources: list[str], trigger: Trigger) -> Summary:
    """Resolve sources (a run of Airflow without any takes inbox and watchlist); leaves settings and `leaves`.

    Raises `UsageError` where a run that was not started from the command line names a path outside the roots.
    """
    context.volume.prepare()
    check_names(context.settings)
    begin(context, trigger)
    typed = [source.strip() for source in sources if source.strip()]
    is_named = bool(typed) or trigger == "cli"
    found = _expand_all(context, typed, trigger) if is_named else _inbox(context)
    with log_rate(log, STEP, "sources", len(found.leaves)) as rate:
        leaves = [_without_name(context, leaf) for leaf in found.leaves]
        leaves = _mark_unchanged(context, leaves, is_nightly=trigger == "nightly")
        rate.step(len(leaves))
    passed_over: set[str] = set()
    if trigger == "nightly":
        passed_over = scored_already(context, [leaf.source for leaf in leaves if leaf.state == "unchanged"])
        leaves = [leaf for leaf in leaves if leaf.source not in passed_over]
    leaves = _in_batches(leaves)
    write_rows(context.volume.table(context.run_id, STEP, "leaves"), Leaf, leaves)
    states = Counter(leaf.state for leaf in leaves)
    log.info(
        "%d sources: %d to read, %d unchanged, %d cannot be read; %d passed over, %d files skipped, %d too young",
        len(leaves), states["new"], states["unchanged"], states["failed"],
        len(passed_over), found.skipped, found.too_young,
    )  # fmt: skip
    return {
        "run_id": context.run_id,
        "sources": len(leaves),
        "unchanged": states["unchanged"],
        "failed": states["failed"],
        "passed_over": len(passed_over),
        "batches": _batches(leaves),
    }


def begin(context: Context, trigger: Trigger) -> None:
    """Write what all later tasks read of the run: its settings, and what its verdicts will be keyed by; record it."""
    write_atomically(context.volume.run_settings(context.run_id), json.dumps(context.settings.public()).encode())
    header = RunHeader.new(context.run_id, context.settings, trigger)
    write_atomically(context.volume.run_header(context.run_id), header.to_json())
    if context.store is not None:
        context.store.begin_run(header.record(context.settings))


def check_names(settings: Settings) -> None:
    """Raise the sentence about a wrong profile, encoder, prompt set or strategy now, before any work is done."""
    from medsift.encoders import CNN_ENCODERS, PROFILES
    from medsift.encoders.engines import ENGINES
    from medsift.prompts import load_prompts
    from medsift.strategies import STRATEGIES

    allowed = {
        "profile": PROFILES.names(),
        "cnn_model": ["auto", *CNN_ENCODERS.names()],
        "engine": ["auto", *ENGINES.names()],
        "strategy": STRATEGIES.names(),
    }
    for name, known in allowed.items():
        value = getattr(settings, name)
        if value not in known:
            raise SettingError(name, value, "one of " + ", ".join(known))
    load_prompts(settings.prompts_dir, settings.prompt_set)


def check_encoders(settings: Settings) -> None:
    """Check names, then raise the sentence about a wrong model or missing weights, before any work is done for them."""
    from medsift.encoders import WEIGHTS
    from medsift.weights import manifest, path

    check_names(settings)
    encoder_digests(settings)
    in_packages = manifest()
    for name in WEIGHTS.get(settings.profile)(settings):
        for pinned in in_packages[name].files if name in in_packages else ():
            path(name, pinned.name)


def _expand_all(context: Context, typed: list[str], trigger: Trigger) -> Expansion:
    """Expanded sources; but from the command line, paths are relative to the inbox and confined to the roots."""
    found = Expansion()
    for source in typed:
        if trigger == "cli" or is_address(source):
            found.extend(expand(source, context.settings))
            continue
        path = context.volume.inbox / source
        _require_allowed(context, path)
        expanded = expand(str(path), context.settings)
        for leaf in expanded.leaves:
            if not leaf.url:
                _require_allowed(context, real_path(leaf.source))
        found.extend(expanded)
    return found


def _inbox(context: Context) -> Expansion:
    """Inbox and watchlist; a path in the watchlist that runs may not read is a row, the night goes on."""
    found = inbox_sources(context.settings, context.volume)
    found.leaves = [
        leaf if not leaf.path or _is_allowed(context, real_path(leaf.path)) else _forbidden(leaf)
        for leaf in found.leaves
    ]
    return found


def _forbidden(leaf: Leaf) -> Leaf:
    return replace(leaf, path=None, state="failed", reason="It is outside the folders that runs may read.")


def _require_allowed(context: Context, path: Path) -> None:
    """Who may start a run may not read any file that a worker can."""
    if not _is_allowed(context, path):
        roots = ", ".join(map(str, _roots(context)))
        raise UsageError(
            f"The path {path} is outside the folders that runs may read: {roots}.",
            "Add its folder to MEDSIFT_SOURCE_ROOTS or put the file into the inbox.",
        )


def _is_allowed(context: Context, path: Path) -> bool:
    resolved = path.resolve()
    return any(resolved.is_relative_to(root.resolve()) for root in _roots(context))


def _roots(context: Context) -> list[Path]:
    return [context.volume.inbox, context.volume.uploads, *context.settings.source_roots]


def _without_name(context: Context, leaf: Leaf) -> Leaf:
    """The leaf as it may be stored: of a DICOM file the path, often a person's name, is only in this step's table."""
    if leaf.kind != "dicom" or not leaf.path or not context.hides_dicom_paths:
        return leaf
    return replace(leaf, source=path_pseudonym(context.volume.pseudonym_key(), leaf.path))


def _mark_unchanged(context: Context, leaves: list[Leaf], *, is_nightly: bool) -> list[Leaf]:
    """Leaves that need not be read again; by night also files that would fail as they did the last time."""
    leaves = [_with_digest(leaf) if leaf.path else leaf for leaf in leaves]
    if context.store is None:
        return leaves
    known = context.store.known_sources([leaf.source for leaf in leaves])
    extraction = extraction_digest(context)
    if is_nightly:
        leaves = [_compared_failed(leaf, known.get(leaf.source), extraction) for leaf in leaves]
    comparable = {
        name: before for name, before in known.items() if before.extraction == extraction and before.state != "failed"
    }
    return [_compared(leaf, comparable.get(leaf.source)) for leaf in leaves]


def _compared(leaf: Leaf, before: KnownSource | None) -> Leaf:
    """A file with the same bytes is unchanged; of an address the server is asked, with what it said the last time."""
    if before is None or leaf.state != "new":
        return leaf
    if leaf.path:
        return replace(leaf, state="unchanged") if before.digest == leaf.digest else leaf
    return replace(leaf, digest=before.digest, etag=before.etag, last_modified=before.last_modified)


def _compared_failed(leaf: Leaf, before: KnownSource | None, extraction: str) -> Leaf:
    """A file that failed is unchanged while its bytes, and what governs their reading, are what they were then."""
    if before is None or before.state != "failed" or not (leaf.path and leaf.digest):
        return leaf
    is_same = (before.failed_digest, before.failed_extraction) == (leaf.digest, extraction)
    return replace(leaf, state="unchanged", reason="") if is_same else leaf


def _with_digest(leaf: Leaf) -> Leaf:
    try:
        return replace(leaf, digest=sha256_of_file(real_path(leaf.path or leaf.source)))
    except OSError as error:
        return replace(leaf, state="failed", reason=f"The file cannot be read ({error.strerror}).")


def scored_already(context: Context, unchanged: list[str]) -> set[str]:
    """Those of the unchanged sources whose pictures all have a verdict of the current model and prompt set."""
    if context.store is None or not unchanged:
        return set()
    model_set, prompt_set = verdict_keys(context.settings)
    return set(unchanged) - context.store.sources_lacking_verdicts(unchanged, model_set, prompt_set)


def _in_batches(leaves: list[Leaf]) -> list[Leaf]:
    costs = [COSTS.get(leaf.kind, DEFAULT_COST) if leaf.state == "new" else 0 for leaf in leaves]
    count = min(MAX_BATCHES, max(1, math.ceil(sum(costs) / BATCH_COST)))
    share = sum(costs) / count or 1.0
    batched, spent = [], 0.0
    for leaf, cost in zip(leaves, costs, strict=True):
        batched.append(replace(leaf, batch=f"{min(count - 1, int(spent / share)):04d}"))
        spent += cost
    return batched


def _batches(leaves: list[Leaf]) -> list[dict[str, str]]:
    members: dict[str, list[Leaf]] = {}
    for leaf in leaves:
        members.setdefault(leaf.batch, []).append(leaf)
    if not members:
        return [{"batch": "0000", "name": "nothing new"}]
    return [{"batch": batch, "name": _batch_name(group)} for batch, group in sorted(members.items())]


def _batch_name(leaves: list[Leaf]) -> str:
    first = told(leaves[0].source).rstrip("/").rsplit("/", 1)[-1][:60]
    return first if len(leaves) == 1 else f"{first} and {len(leaves) - 1} more"
