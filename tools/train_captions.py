"""Train the words of voter `caption` from captions written for it (tools/captions/figure_captions.toml).

    python tools/train_captions.py [--check captions.csv]

Makes sentences of the patterns, fits a logistic regression over words and pairs of words, says how many of the
sentences of patterns it never saw it gets right, and writes include/medsift/voters/caption_terms.json. `--check`
measures on real captions: a CSV with columns `caption` and `label` (medical, non-medical).
"""

import argparse
import csv
import json
import re
import tomllib
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict

from medsift.contracts import MEDICAL
from medsift.voters.caption import CaptionVoter, terms_of

HERE = Path(__file__).parent
OUT = HERE.parent / "include" / "medsift" / "voters" / "caption_terms.json"
SLOT = re.compile(r"\{(\w+)\}")
SENTENCES = 40  # of each pattern
STRENGTH = 0.3  # inverse of the penalty: few sentences are written, the world has more words
LEAST_WEIGHT = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", type=Path)
    arguments = parser.parse_args()
    sentences, is_medical, pattern = made_sentences()
    counts = CountVectorizer(analyzer=terms_of, binary=True)
    terms = counts.fit_transform(sentences)
    model = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=1000)
    predicted = cross_val_predict(model, terms, is_medical, groups=pattern, cv=GroupKFold(10))
    print(f"{len(sentences)} sentences, of patterns never seen {np.mean(predicted == is_medical):.3f} right")
    model.fit(terms, is_medical)
    weights = dict(zip(counts.get_feature_names_out(), model.coef_[0], strict=True))
    kept = {term: round(float(weight), 3) for term, weight in weights.items() if abs(weight) >= LEAST_WEIGHT}
    document = {"": round(float(model.intercept_[0]), 3), **dict(sorted(kept.items()))}
    OUT.write_text(json.dumps(document, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{len(kept)} terms in {OUT}")
    if arguments.check:
        check(arguments.check)


def made_sentences() -> tuple[list[str], np.ndarray, np.ndarray]:
    """Distinct sentences, whether each is of a medical picture, and the number of its pattern."""
    written = tomllib.loads((HERE / "captions" / "figure_captions.toml").read_text(encoding="utf-8"))
    patterns = [(text, True) for text in written["medical"]] + [(text, False) for text in written["non_medical"]]
    chance = np.random.default_rng(42)
    rows: dict[str, tuple[bool, int]] = {}
    for number, (text, is_medical) in enumerate(patterns):
        for _ in range(SENTENCES):
            filled = SLOT.sub(lambda slot: str(chance.choice(written["words"][slot.group(1)])), text)
            rows.setdefault(filled.strip(), (is_medical, number))
    sides, numbers = zip(*rows.values(), strict=True)
    return list(rows), np.array(sides), np.array(numbers)


def check(file: Path) -> None:
    """Print how the voter does on real captions, and where it errs."""
    voter, right, voted = CaptionVoter(), 0, 0
    with file.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    for row in rows:
        vote = voter._vote("", row["caption"])
        if vote.probability is not None:
            voted += 1
            is_right = (vote.probability > 0.5) == (row["label"] == MEDICAL)
            right += is_right
            if not is_right:
                print(f"{row['label']:12} {vote.probability:.2f} {vote.reason} | {row['caption'][:110]}")
    print(f"{len(rows)} captions, {voted} votes, {right / max(voted, 1):.3f} right")


if __name__ == "__main__":
    main()
