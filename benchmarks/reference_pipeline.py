"""The straightforward pipeline that medsift is measured against: every step by itself, one picture at a time, fp32.

Extract and re-save, reopen for each model, K-Means with two clusters: what one writes from the libraries' examples.
"""

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from medsift.encoders._torch import declare_torchvision_operators

PROMPTS = [
    "A diagnostic medical image such as an X-ray, MRI scan, CT scan, or ultrasound from a hospital",
    "A non-medical photograph such as landscapes, architecture, nature, animals, or everyday objects",
]


class ReferencePipeline:
    """CLIP ViT-B/32 and MobileNetV2 of random values (speed does not depend on them), loaded when it is made."""

    def __init__(self) -> None:
        import torch
        from random_profile import random_clip, random_cnn

        declare_torchvision_operators()
        import open_clip
        import torchvision

        self.clip = random_clip("ViT-B-32-quickgelu")
        self.cnn = random_cnn("mobilenet_v2")
        self.cnn.classifier = torch.nn.Identity()
        self._clip_transform = open_clip.image_transform(224, is_train=False)
        self._cnn_transform = torchvision.models.MobileNet_V2_Weights.IMAGENET1K_V2.transforms()
        self._tokenizer = open_clip.get_tokenizer("ViT-B-32-quickgelu")
        self.seconds_by_step: dict[str, float] = {}

    def run(self, papers: list[Path], folder: Path) -> int:
        """All steps over the papers; the number of pictures."""
        with self._timed("extract"):
            files = self._extract(papers, folder)
        with self._timed("clip"):
            self._zero_shot(files)
        with self._timed("cnn"):
            features = self._features(files)
        with self._timed("cluster"):
            self._cluster(features)
        return len(files)

    def _extract(self, papers: list[Path], folder: Path) -> list[Path]:
        import pymupdf
        from PIL import Image

        files = []
        for paper in papers:
            with pymupdf.open(paper) as document:
                for page in document:
                    for picture in page.get_images(full=True):
                        found = document.extract_image(picture[0])
                        file = folder / f"{paper.stem}_{picture[0]}.jpg"
                        Image.open(io.BytesIO(found["image"])).convert("RGB").save(file, quality=85)
                        files.append(file)
        return files

    def _zero_shot(self, files: list[Path]) -> None:
        import torch
        from PIL import Image

        with torch.no_grad():
            words = self.clip.encode_text(self._tokenizer(PROMPTS), normalize=True)
            for file in files:
                picture = self._clip_transform(Image.open(file).convert("RGB")).unsqueeze(0)
                vector = self.clip.encode_image(picture, normalize=True)
                (100.0 * vector @ words.T).softmax(dim=-1)

    def _features(self, files: list[Path]) -> Any:
        import numpy as np
        import torch
        from PIL import Image

        features = []
        with torch.no_grad():
            for file in files:
                picture = self._cnn_transform(Image.open(file).convert("RGB")).unsqueeze(0)
                features.append(self.cnn(picture)[0].numpy())
        return np.stack(features)

    def _cluster(self, features: Any) -> None:
        from sklearn.cluster import KMeans

        KMeans(n_clusters=2, n_init=10, random_state=42).fit_predict(features)

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        self.seconds_by_step[step] = time.perf_counter() - begun
