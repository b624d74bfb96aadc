"""Pictures of a run that are alike have a say in one another's verdict: the votes on them, brought together."""

from collections.abc import Sequence

import numpy as np

from medsift.contracts import Portion, Vote
from medsift.encoders import Floats
from medsift.modelsets import Calibration, ModelSet
from medsift.modelsets.calibrating import NEIGHBOURS, combine
from medsift.steps.context import Context
from medsift.steps.portions import ONE_BY_ONE, pictures_of, portions_of, votes_of
from medsift.steps.profile import current_profile
from medsift.steps.vectors import of_portion
from medsift.strategies import Tally, log_odds_of
from medsift.strategies.weighted_log_odds import UNFITTED
from medsift.voters import NO_VECTOR, abstain
from medsift.voters.neighbours import NO_MEASURE, Company, Said, compared


def said_of(sha256s: Sequence[str], vectors: Floats, votes: Sequence[Vote], calibration: Calibration) -> Said:
    """What these votes together say of pictures with vectors (n, d); those that nobody could judge are left out."""
    tally = Tally.of(sha256s, votes)
    probability = combine(tally.log_odds(), tally.voters, calibration)
    judged = np.flatnonzero(~np.isnan(probability)).tolist()
    names, kinds = [sha256s[row] for row in judged], [tally.kinds[row] for row in judged]
    return Said(names, vectors[judged], log_odds_of(probability[judged]), kinds)


def votes_of_pile(
    sha256s: Sequence[str], vectors: Floats, votes: Sequence[Vote], calibration: Calibration
) -> list[Vote]:
    """The votes of `neighbours` on pictures, all of them at hand, with vectors (n, d); abstentions as over a run."""
    said = said_of(sha256s, vectors, votes, calibration)
    company = _met([said], calibration)
    return _told(company, said, sha256s) if company else abstain(NEIGHBOURS, sha256s, NO_MEASURE)


def _met(known: Sequence[Said], calibration: Calibration) -> Company | None:
    """Those that pictures are compared with; None where none was judged, or the calibration has no measure."""
    judged = [said for said in known if said.sha256s]
    if calibration.alike_from is None or not judged:
        return None
    return Company(Said.joined(judged), calibration.alike_from)


def _told(company: Company, said: Said, sha256s: Sequence[str]) -> list[Vote]:
    """One vote on each picture, an abstention on those that nothing is said of."""
    cast = company.votes(said)
    return cast + abstain(NEIGHBOURS, sorted(set(sha256s) - set(said.sha256s)), NO_VECTOR)


class CompanyOfRun:
    """The voter `neighbours` over a run, portion by portion; abstains where no model set says what is alike."""

    def __init__(self, context: Context, model_set: ModelSet | None) -> None:
        self._context = context
        self._words = current_profile(context.settings).words
        is_fitted_for = model_set is not None and model_set.encoder_digests.get(self._words.name) == self._words.digest
        self._calibration = model_set.calibration if model_set and is_fitted_for else UNFITTED
        self._company = self._meet()

    def votes(self, portion: Portion, sha256s: Sequence[str], votes: Sequence[Vote]) -> list[Vote]:
        """One vote on each of a portion's pictures, on what `votes` say of them and of those alike."""
        if self._company is None:
            return abstain(NEIGHBOURS, sha256s, NO_MEASURE)
        return _told(self._company, self._said(portion, sha256s, votes), sha256s)

    def _meet(self) -> Company | None:
        if self._calibration.alike_from is None:
            return None  # before anything is read
        portions = portions_of(self._context)
        total = sum(portion.pictures for portion in portions)
        known: list[Said] = []
        for portion in portions:
            sha256s = compared([picture.sha256 for picture in pictures_of(self._context, portion)], total)
            known.append(self._said(portion, sha256s, votes_of(self._context, portion, ONE_BY_ONE)))
        return _met(known, self._calibration)

    def _said(self, portion: Portion, sha256s: Sequence[str], votes: Sequence[Vote]) -> Said:
        vectors = of_portion(self._context, self._words.name, self._words.digest, portion, sha256s)
        embedded = [sha256 for sha256 in sha256s if sha256 in vectors.row_of]
        return said_of(embedded, vectors.of(embedded), votes, self._calibration)
