"""What the words under a picture say it is: "axial CT showing ..." or "ROC curves of ..."."""

import json
import math
import re
from collections.abc import Iterator
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import ClassVar

from medsift.contracts import Vote
from medsift.modelsets import ModelSet
from medsift.voters import Evidence, Prompted, register

FIRST_WORDS = 16  # a caption begins with what is shown; further on it tells of patients and methods
LEAST_KNOWN = 2  # of its words; fewer say nothing
MOST_CERTAIN = 2.2  # log-odds; a caption may speak of a CT and stand under its chart
LABEL = re.compile(
    r"^\W*(?:supplementary\s+|suppl?\.\s*|extended data\s+)?"
    r"(?:fig(?:ure|\.)?s?|image|panel|plate)\s*[a-z]?\d*[a-z]?\W+",
    re.IGNORECASE,
)
FUNCTION_WORDS = {
    "a", "an", "and", "are", "as", "at", "be", "between", "both", "by", "can", "did", "do", "does", "each",
    "for", "from", "had", "has", "have", "here", "how", "if", "in", "into", "is", "it", "its", "may", "more",
    "most", "no", "not", "of", "on", "one", "only", "or", "other", "our", "over", "per", "same", "several",
    "some", "such", "than", "that", "the", "their", "them", "then", "there", "these", "they", "this", "those",
    "to", "two", "three", "under", "up", "was", "we", "were", "when", "where", "which", "while", "who", "will",
    "with", "within", "without", "you", "your", "all", "also", "after", "before",
}  # fmt: skip
WORD = re.compile(r"[a-z][a-z0-9&']*(?:-[a-z0-9&]+)*")


def terms_of(caption: str) -> list[str]:
    """The distinct words and pairs of neighbours of a caption's beginning, without its label and function words."""
    words = [word for word in _words(LABEL.sub("", caption)) if word not in FUNCTION_WORDS][:FIRST_WORDS]
    pairs = [f"{first} {second}" for first, second in pairwise(words)]
    return list(dict.fromkeys([*words, *pairs]))


def _words(text: str) -> Iterator[str]:
    return (match.group() for match in WORD.finditer(text.lower()))


@register("caption")
class CaptionVoter:
    """A linear model over the words of the caption; abstains without one.

    Its weights come from captions written for it (tools/train_captions.py), not from those of any data set.
    """

    name: ClassVar[str] = "caption"
    uses_clusters: ClassVar[bool] = False

    def vote(self, evidence: Evidence, prompted: Prompted, model_set: ModelSet | None) -> list[Vote]:
        """P(medical) by the captions, at most 0.9 and at least 0.1."""
        return [self._vote(*pair) for pair in zip(evidence.sha256s, evidence.captions, strict=True)]

    def _vote(self, sha256: str, caption: str) -> Vote:
        if not caption.strip():
            return Vote(sha256, self.name, None, reason="no caption")
        weights = _weights()
        known = {term: weights[term] for term in terms_of(caption) if term in weights}
        if sum(" " not in term for term in known) < LEAST_KNOWN:
            return Vote(sha256, self.name, None, reason="the caption's words say nothing")
        odds = weights[""] + sum(known.values())
        odds = max(-MOST_CERTAIN, min(MOST_CERTAIN, odds))
        telling = sorted(known, key=lambda term: -known[term] if odds > 0 else known[term])[:3]
        return Vote(sha256, self.name, 1 / (1 + math.exp(-odds)), reason="caption: " + ", ".join(telling))


@cache
def _weights() -> dict[str, float]:
    """Log-odds of each term; the empty term has the intercept."""
    file = resources.files("medsift.voters") / "caption_terms.json"
    weights: dict[str, float] = json.loads(file.read_text(encoding="utf-8"))
    return weights
