"""Fit the two maps: locked towers, contrastive over pictures and captions (Zhai et al. 2022, LiT)."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from alignment.captions import Captions
from numpy.typing import NDArray

from medsift.modelsets import Alignment

DIMENSION = 256
STEPS = 2500
BATCH = 256
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 0.1
DROPOUT = 0.3
NOISE = 0.1
FIRST_SCALE = 1 / 0.07
SAME_LABEL = 0.02  # target between a picture and a caption of another kind with the same label, same kind being 1
SIDE_SHARE = 0.15  # share of the sentences that tell only the label
SEED = 42


@dataclass(frozen=True)
class TrainingData:
    """Pictures to train on: features (n, views, p), the first `scored` views being averaged when scored."""

    features: NDArray[np.float32]
    scored: int
    rows: pd.DataFrame
    captions: Captions


def fit_alignment(data: TrainingData) -> Alignment:
    """The alignment after `STEPS` steps; the same data give the same maps on the same machine."""
    generator = torch.Generator().manual_seed(SEED)
    torch.manual_seed(SEED)
    draw = np.random.default_rng(SEED)
    mean = data.features[:, : data.scored].mean(axis=(0, 1))
    deviation = data.features[:, : data.scored].std(axis=(0, 1)) + 1e-6
    standard = torch.from_numpy((data.features - mean) / deviation)
    texts = torch.from_numpy(data.captions.vectors)
    batches = _Batches(data, draw)
    pictures, words, log_scale = _new_maps(standard.shape[2], texts.shape[1], generator)
    groups = [{"params": [pictures, words], "weight_decay": WEIGHT_DECAY}, {"params": [log_scale], "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=STEPS)
    for _ in range(STEPS):
        chosen, sentences, targets = batches.next()
        seen = torch.nn.functional.dropout(_mixed(standard, chosen, generator), DROPOUT)
        left = torch.nn.functional.normalize(seen @ pictures, dim=1)
        right = torch.nn.functional.normalize(texts[sentences] @ words, dim=1)
        loss = _contrastive_loss(log_scale.exp() * left @ right.T, targets)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    maps = [parameter.detach().numpy() for parameter in (pictures, words)]
    return Alignment(mean, deviation, *maps, scale=float(log_scale.detach().exp()))


Padded = tuple[NDArray[np.intp], NDArray[np.intp]]  # rows of numbers, filled up with 0, and how many count


class _Batches:
    """Batches balanced by label, then by the square root of the size of each kind in each source."""

    def __init__(self, data: TrainingData, draw: np.random.Generator) -> None:
        rows = data.rows
        self._draw = draw
        self._of_kind = _padded(data.captions.for_rows(rows))
        self._of_side = _padded([data.captions.of_label[label] for label in rows["label"]])
        self._is_medical = (rows["label"] == "medical").to_numpy()
        self._kinds = rows["kind"].astype("category").cat.codes.to_numpy()
        weight = 1 / np.sqrt(rows.groupby(["label", "kind", "source"])["file"].transform("size").to_numpy())
        for label in (True, False):
            weight[self._is_medical == label] /= weight[self._is_medical == label].sum()
        self._weight = weight / weight.sum()

    def next(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Numbers of pictures and of a sentence for each, (b,), and targets (b, b): picture i, sentence j."""
        chosen = self._draw.choice(len(self._weight), BATCH, p=self._weight)
        tells_side = self._draw.random(BATCH) < SIDE_SHARE
        sentences = np.where(tells_side, self._drawn(self._of_side, chosen), self._drawn(self._of_kind, chosen))
        kinds, labels = self._kinds[chosen], self._is_medical[chosen]
        same_kind, same_label = kinds[:, None] == kinds[None, :], labels[:, None] == labels[None, :]
        fits = np.where(tells_side[None, :], same_label, same_kind)
        targets = np.maximum(fits, SAME_LABEL * same_label).astype(np.float32)
        return torch.from_numpy(chosen), torch.from_numpy(sentences), torch.from_numpy(targets)

    def _drawn(self, sentences: Padded, chosen: NDArray[np.intp]) -> NDArray[np.intp]:
        numbers, counts = sentences
        drawn: NDArray[np.intp] = numbers[chosen, (self._draw.random(BATCH) * counts[chosen]).astype(np.intp)]
        return drawn


def _padded(lists: list[list[int]]) -> Padded:
    counts = np.array([len(numbers) for numbers in lists])
    padded = np.zeros((len(lists), counts.max()), dtype=np.intp)
    for row, numbers in enumerate(lists):
        padded[row, : len(numbers)] = numbers
    return padded, counts


def _new_maps(
    picture_width: int, text_width: int, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    pictures = torch.randn(picture_width, DIMENSION, generator=generator) / picture_width**0.5
    words = torch.randn(text_width, DIMENSION, generator=generator) / text_width**0.5
    log_scale = torch.tensor(FIRST_SCALE).log()
    return pictures.requires_grad_(), words.requires_grad_(), log_scale.requires_grad_()


def _mixed(standard: torch.Tensor, chosen: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Two random views of each chosen picture, mixed at random, with noise: (n, views, p) -> (b, p)."""
    count, views = len(chosen), standard.shape[1]
    first, second = (standard[chosen, torch.randint(views, (count,), generator=generator)] for _ in range(2))
    share = torch.rand(count, 1, generator=generator)
    return share * first + (1 - share) * second + NOISE * torch.randn(first.shape, generator=generator)


def _contrastive_loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    cross_entropy = torch.nn.functional.cross_entropy
    by_picture = cross_entropy(logits, targets / targets.sum(1, keepdim=True))
    by_caption = cross_entropy(logits.T, targets.T / targets.T.sum(1, keepdim=True))
    return (by_picture + by_caption) / 2
