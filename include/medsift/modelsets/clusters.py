"""Clusters of an encoder's vectors, each with what its members look like: over-cluster, then name.

With two clusters the split follows photographs against plain grounds and says nothing of medicine; with many, a
cluster is mostly of one sort, and the mean zero-shot score of its members says which.
"""

import hashlib
from dataclasses import asdict, dataclass, replace
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medsift.errors import WeightsError

Floats = NDArray[np.float32]
RANDOM_STATE = 42
WITHIN = 0.99  # share of a cluster's members that its reach takes in
LEAST_MEMBERS = 20
PRIOR_MEMBERS = 2.0  # labels that a cluster's name from before is worth
STARTS = 4  # k-means++ starts, the best of which is kept
# More vectors than this go through K-Means in batches: 100,000 of 1280 floats in 64 clusters took 8 s instead of 54 on
# two cores and lay 0.2 % farther from their centres. Fewer are not worth even that.
MANY = 100_000
BATCH = 4096


@dataclass(frozen=True)
class Clusters:
    """`centres` (k, d); for each cluster `probability` = mean P(medical) of its members as zero-shot saw them,
    `purity` = share of them on its side, `size` = their number, `reach` = the distance from its centre at which its
    pictures end."""

    centres: Floats
    probability: Floats
    purity: Floats
    size: NDArray[np.int64]
    reach: Floats


@dataclass(frozen=True)
class Partition:
    """K-Means: `centres` (k, d) and their `reach` (k,), and of each vector the number of its centre, `members` (n,)."""

    centres: Floats
    members: NDArray[np.intp]
    reach: Floats


def fit_clusters(vectors: Floats, zero_shot: Floats, count: int) -> Clusters:
    """K-Means over unit vectors (n, d), labelled by the zero-shot P(medical) (n,) of the members.

    At most as many clusters as there are distinct vectors, all with members; raises `ValueError` where there is none.
    """
    return name_clusters(partition(vectors, count), zero_shot)


def partition(vectors: Floats, count: int) -> Partition:
    """K-Means over unit vectors (n, d), as `fit_clusters` does it."""
    from sklearn.cluster import KMeans, MiniBatchKMeans

    distinct = len(np.unique(vectors, axis=0))
    if not distinct:
        raise ValueError("clusters need at least one vector")
    how = {"n_init": STARTS, "random_state": RANDOM_STATE}
    count = min(count, distinct)
    means = KMeans(count, **how) if len(vectors) <= MANY else MiniBatchKMeans(count, batch_size=BATCH, **how)
    taken, members = np.unique(means.fit(vectors).labels_, return_inverse=True)  # batches may leave a cluster empty
    centres = means.cluster_centers_[taken].astype(np.float32)
    return Partition(centres, members, _reach(vectors, centres, members))


def _reach(vectors: Floats, centres: Floats, members: NDArray[np.intp]) -> Floats:
    """Of each cluster the distance within which nearly all its members lie, that of most clusters at least: (k,).

    Few members say nothing of where others may lie, and a tight cluster is no reason to call its neighbours strange.
    Infinite where all clusters are small.
    """
    large = np.zeros(len(centres))
    for number, size in enumerate(np.bincount(members)):
        if size >= LEAST_MEMBERS:
            own = vectors[members == number]  # one cluster at a time: there may be a million vectors
            large[number] = np.quantile(np.linalg.norm(own - centres[number], axis=1), WITHIN)
    usual = np.median(large[large > 0]) if large.any() else np.inf
    return np.maximum(large, usual).astype(np.float32)


def name_clusters(parts: Partition, zero_shot: Floats) -> Clusters:
    """What each cluster looks like by the zero-shot P(medical) (n,) of its members."""
    size = np.bincount(parts.members)
    probability = np.bincount(parts.members, weights=zero_shot) / size
    is_medical = np.bincount(parts.members, weights=zero_shot > 0.5) / size
    purity = np.where(probability > 0.5, is_medical, 1 - is_medical)
    return Clusters(
        parts.centres,
        probability.astype(np.float32),
        purity.astype(np.float32),
        size.astype(np.int64),
        parts.reach,
    )


def teach(clusters: Clusters, vectors: Floats, is_medical: NDArray[np.bool_]) -> Clusters:
    """The same clusters, named by the labels (n,) of those members (n, d) that are labelled.

    What a cluster was taken for before counts like `PRIOR_MEMBERS` labels, so that a single one does not decide; where
    no member is labelled, the name stays.
    """
    members, count = nearest(vectors, clusters), len(clusters.size)
    labels = np.bincount(members, minlength=count)
    medical = np.bincount(members, weights=is_medical, minlength=count)
    share = np.where(clusters.probability > 0.5, clusters.purity, 1 - clusters.purity)
    probability, share = (
        (PRIOR_MEMBERS * before + medical) / (PRIOR_MEMBERS + labels) for before in (clusters.probability, share)
    )
    purity = np.where(probability > 0.5, share, 1 - share)
    return replace(clusters, probability=probability.astype(np.float32), purity=purity.astype(np.float32))


def nearest(vectors: Floats, clusters: Clusters) -> NDArray[np.int64]:
    """Number of the nearest centre of each vector: (n, d) -> (n,)."""
    centres = clusters.centres
    distance = (centres**2).sum(1) - 2 * vectors @ centres.T
    numbers: NDArray[np.int64] = distance.argmin(1).astype(np.int64)
    return numbers


def strangeness(vectors: Floats, clusters: Clusters, numbers: NDArray[np.int64]) -> Floats:
    """How far each vector lies from the centre with its number, as a multiple of that cluster's reach: (n,)."""
    distances = np.linalg.norm(vectors - clusters.centres[numbers], axis=1)
    return np.asarray(distances / clusters.reach[numbers], np.float32)


def write_clusters(path: Path, clusters: Clusters) -> None:
    """Write plain arrays with joblib."""
    import joblib

    joblib.dump(asdict(clusters), path)


def read_clusters(path: Path, digest: str) -> Clusters:
    """Clusters from a joblib file; raises `WeightsError` where its SHA-256 is not `digest`.

    It is a pickle, a program: the bytes that are opened are the very ones that were compared, read once.
    """
    import joblib

    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != digest:
        raise WeightsError.not_pinned(path, found, digest)
    stored = joblib.load(BytesIO(content))
    unknown = np.full(len(stored["size"]), np.inf, np.float32)  # sets of before do not say it: nothing is strange
    return Clusters(**{"reach": unknown, **stored})
