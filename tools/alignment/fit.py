"""Fit the two maps and the head: no steps, no chance, the same result on every machine.

Pictures: discriminant analysis (Fisher; regularised after Friedman 1989) of kinds and sources over roots of the
features (Perronnin et al. 2010), in which what varies within a kind counts as noise, and most of all what varies from
source to source (as in the inter-dataset variability compensation of Aronowitz 2014). Words: ridge regression from
captions to the means of the pictures they describe (as in Romera-Paredes and Torr 2015). The towers stay locked (Zhai
et al. 2022, LiT). Head: logistic regression on kinds, and on the label ridge regression with a Gaussian kernel over
centres of the pictures (Saunders et al. 1998; Zhang et al. 2008 for K-Means centres).
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pandas as pd
import scipy.linalg
from alignment.captions import Captions
from alignment.groups import Groups, side_of_kinds, weights_of
from numpy.typing import NDArray

from medsift.encoders import unit_rows
from medsift.encoders._efficientnet import MIDDLES
from medsift.modelsets import Alignment, Head
from medsift.modelsets.alignment import raised
from medsift.modelsets.heads import Kernel, likeness

DIMENSION = 128
POWER = 0.5  # of the features, before all else
SHRINKAGE = 3.0  # added to the variances within kinds, those of all pictures being about 1
SOURCES_AS_NOISE = 10.0  # how much more than by nature what varies between the sources of a kind counts as noise
TEXT_RIDGE = 1e-3
SCALE = 14.0  # between cosine and log-odds; the calibration of the voters carries what it lacks
MIDDLES_SHARE = 0.5  # of what the differences of a picture's middle would count as standardised as all others
INVERSE_PENALTY = 1.0  # C of the head's logistic regression
CENTRES, KERNEL_RIDGE = 1024, 0.3
KERNEL_SCALE = 4.0  # between the kernel's -1 to 1 and log-odds; the calibration carries what it lacks
ROUGH_SHARE = 0.7  # weight of a rough view beside a scored one
PANELS_SHARE = 0.1  # weight for the head of a figure's panels beside a picture alone

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class TrainingData:
    """Pictures to train on: features (n, views, p).

    The first `scored` views are averaged when scored; the last is the picture among others as panels of a figure.
    """

    features: NDArray[np.floating]
    scored: int
    rows: pd.DataFrame
    captions: Captions

    def scored_features(self) -> Floats:
        """As a product run has them: (n, p)."""
        averaged: Floats = self.features[:, : self.scored].astype(np.float32).mean(axis=1)
        return averaged

    def in_panels(self) -> Self:
        """The figures that have the pictures among their panels, in place of the pictures."""
        return replace(self, features=self.features[:, -1:], scored=1)


@dataclass(frozen=True)
class Space:
    """Roots of features, standardised, less `centre`, times `axes` (p, d): the space of the pictures."""

    mean: Floats
    deviation: Floats
    centre: Floats
    axes: Floats

    def of(self, features: Floats) -> Floats:
        """(n, p) -> (n, d), not of unit length."""
        placed: Floats = ((raised(features, POWER) - self.mean) / self.deviation - self.centre) @ self.axes
        return placed


def fit_maps(data: TrainingData) -> tuple[Alignment, Head]:
    """Alignment and head."""
    groups = Groups.of(data.rows)
    weights = weights_of(data.rows)
    space = fit_space(data, groups, weights)
    placed = space.of(data.scored_features())
    text_map = _fit_text_map(data.captions, groups, groups.means(placed, weights), groups.totals(weights))
    mean = space.mean + space.centre * space.deviation
    alignment = Alignment(mean, space.deviation, space.axes, text_map, SCALE, POWER)
    both = np.concatenate([unit_rows(placed), unit_rows(space.of(data.in_panels().scored_features()))])
    both_weights = np.concatenate([weights, PANELS_SHARE * weights]) / (1 + PANELS_SHARE)
    return alignment, _fit_head(pd.concat([data.rows, data.rows], ignore_index=True), both, both_weights)


def fit_space(data: TrainingData, groups: Groups, weights: Floats) -> Space:
    """The directions in which kinds and sources differ most, measured by how much pictures of one kind do."""
    mean, deviation = _standard(data)
    moment = np.zeros((len(mean), len(mean)), np.float32)
    averaged = np.zeros((len(data.rows), len(mean)), np.float32)
    shares = [1.0 if view < data.scored else ROUGH_SHARE for view in range(data.features.shape[1])]
    for view, share in enumerate(np.array(shares) / sum(shares)):
        standard = (raised(data.features[:, view].astype(np.float32), POWER) - mean) / deviation
        moment += (standard * (share * weights)[:, None]).T @ standard
        averaged += share * standard
    centre = weights @ averaged
    of_kinds, kind_totals = groups.kind_means(averaged, weights)
    of_groups, totals = groups.means(averaged, weights), groups.totals(weights)
    apart = of_groups - of_kinds[groups.kinds]
    within = moment - (of_kinds * kind_totals[:, None]).T @ of_kinds
    within += SOURCES_AS_NOISE * (apart * totals[:, None]).T @ apart
    within[np.diag_indices(len(within))] += SHRINKAGE
    root = scipy.linalg.cholesky(within, lower=True)
    spread = (of_groups - centre) * np.sqrt(totals)[:, None]
    whitened = scipy.linalg.solve_triangular(root, spread.T, lower=True)
    directions = np.linalg.svd(whitened, full_matrices=False)[0][:, :DIMENSION]
    axes = scipy.linalg.solve_triangular(root.T, directions, lower=False)
    return Space(mean, deviation, centre.astype(np.float32), axes.astype(np.float32))


def _standard(data: TrainingData) -> tuple[Floats, Floats]:
    scored = raised(data.scored_features(), POWER)
    deviation = scored.std(axis=0) + 1e-5
    deviation[MIDDLES:] /= MIDDLES_SHARE
    return scored.mean(axis=0), deviation


def _fit_text_map(captions: Captions, groups: Groups, means: Floats, totals: Floats) -> Floats:
    """Ridge regression over all captions of all groups; a group counts by the root of its weight: (t, d)."""
    texts, targets, weights = [], [], []
    for (kind, source), mean, total in zip(groups.names, unit_rows(means), totals, strict=True):
        numbers = captions.of_group.get((kind, ""), []) + captions.of_group.get((kind, source), [])
        texts.append(captions.vectors[numbers])
        targets.append(np.repeat(mean[None], len(numbers), axis=0))
        weights.append(np.full(len(numbers), np.sqrt(total) / max(len(numbers), 1)))
    rows, share = unit_rows(np.concatenate(texts)), np.concatenate(weights)
    weighted = rows * (share / share.sum())[:, None]
    ridge = weighted.T @ rows + TEXT_RIDGE * np.eye(rows.shape[1])
    text_map: Floats = np.linalg.solve(ridge, weighted.T @ np.concatenate(targets)).astype(np.float32)
    return text_map


def _fit_head(rows: pd.DataFrame, vectors: Floats, weights: Floats) -> Head:
    """Multinomial logistic regression and kernel on unit vectors."""
    from sklearn.linear_model import LogisticRegression

    kinds, is_medical = side_of_kinds(rows)
    fitted = LogisticRegression(C=INVERSE_PENALTY, max_iter=200)
    fitted.fit(vectors, rows["kind"], sample_weight=weights * len(weights))
    assert list(fitted.classes_) == kinds
    coefficients, bias = fitted.coef_, fitted.intercept_
    if len(kinds) == 2:  # scikit-learn keeps the log-odds of the second alone
        coefficients, bias = np.concatenate([-coefficients, coefficients]) / 2, np.concatenate([-bias, bias]) / 2
    kernel = _fit_kernel((rows["label"] == "medical").to_numpy(), vectors, weights)
    return Head("lite", tuple(kinds), is_medical, coefficients.T.astype(np.float32), bias.astype(np.float32), kernel)


def _fit_kernel(is_medical: NDArray[np.bool_], vectors: Floats, weights: Floats) -> Kernel:
    """Weighted ridge regression on -1 and 1, in closed form once K-Means has found the centres."""
    from sklearn.cluster import KMeans

    grouped = KMeans(min(CENTRES, len(vectors)), n_init=1, max_iter=20, random_state=0).fit(vectors)
    centres = unit_rows(grouped.cluster_centers_.astype(np.float32))
    near = likeness(vectors, centres)
    weighted = near * (weights * len(weights))[:, None]
    moment = weighted.T @ near + KERNEL_RIDGE * likeness(centres, centres)
    moment[np.diag_indices(len(moment))] += 1e-6  # centres may be equal
    pulls = np.linalg.solve(moment, weighted.T @ np.where(is_medical, 1.0, -1.0))
    return Kernel(centres, KERNEL_SCALE * pulls)
