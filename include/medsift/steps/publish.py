"""Step `publish`: what the run found and decided becomes rows in Postgres; safe to repeat."""

import logging
from collections import defaultdict
from itertools import batched

from medsift.contracts import Occurrence, Picture, SourceOutcome, Verdict, Vote
from medsift.steps.context import Context, Summary
from medsift.steps.plan import extraction_digest
from medsift.steps.profile import current_model_set, current_profile, run_header, verdict_keys
from medsift.steps.resources import log_rate
from medsift.steps.result import RunResult
from medsift.steps.voting import gather
from medsift.store import RunRecord, Vectors

log = logging.getLogger(__name__)
STEP = "publish"
PICTURES_A_TRANSACTION = 4096
SOURCES_A_TRANSACTION = 1000
