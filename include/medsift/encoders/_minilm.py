"""The text tower of profile lite: all-MiniLM-L6-v2, mean pooled (Reimers and Gurevych 2019)."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from medsift import weights
from medsift.encoders import Floats
from medsift.encoders._torch import declare_torchvision_operators, device_name

NAME = "minilm"
WIDTH = 384
LONGEST = 256  # tokens; the length it was trained with
BATCH_SIZE = 64


class TextTower:
    """Words to features, float32 (n, 384), mean over the tokens of a text."""

    def __init__(self, device: str = "auto") -> None:
        self._device_name = device

    @cached_property
    def digest(self) -> str:
        """Digests of all its files."""
        return " ".join(pinned.sha256 for pinned in weights.get(NAME).files)

    def encode(self, texts: list[str]) -> Floats:
        """Mean-pooled features of the texts: float32 (n, 384)."""
        parts = list(self._pooled(texts))
        return np.concatenate(parts) if parts else np.zeros((0, WIDTH), np.float32)

    def _pooled(self, texts: list[str]) -> Iterator[Floats]:
        import torch

        device = device_name(self._device_name)
        network = self._network.to(device)
        for start in range(0, len(texts), BATCH_SIZE):
            encodings = self._tokenizer.encode_batch(texts[start : start + BATCH_SIZE])
            ids = torch.tensor([encoding.ids for encoding in encodings], device=device)
            mask = torch.tensor([encoding.attention_mask for encoding in encodings], device=device)
            with torch.inference_mode():
                tokens = network(input_ids=ids, attention_mask=mask).last_hidden_state
                weight = mask.unsqueeze(-1).float()
                yield ((tokens * weight).sum(1) / weight.sum(1)).float().cpu().numpy()

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(weights.path(NAME, "tokenizer.json")))
        tokenizer.enable_truncation(LONGEST)
        tokenizer.enable_padding()
        return tokenizer

    @cached_property
    def _network(self) -> Any:
        # Built from single pinned files: from_pretrained would also read whatever else lies in the folder.
        declare_torchvision_operators()  # transformers imports torchvision
        from safetensors.torch import load_file
        from transformers import BertConfig, BertModel

        config = BertConfig.from_json_file(str(weights.path(NAME, "config.json")))
        network: Any = BertModel(config, add_pooling_layer=False)
        stored = load_file(weights.path(NAME, "model.safetensors"))
        wanted = network.state_dict()
        network.load_state_dict({name: tensor for name, tensor in stored.items() if name in wanted}, strict=True)
        return network.eval().requires_grad_(False)
