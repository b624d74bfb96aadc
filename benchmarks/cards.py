"""What cards can do at most, by the makers' data sheets: dense products in half precision, memory bandwidth."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Card:
    """`tflops`: fp16 products summed in fp32, without sparsity; `bf16` as fast, where the card has it."""

    tflops: float
    gb_per_second: float


CARDS = {
    "NVIDIA H200": Card(989, 4800),
    "NVIDIA H100 80GB HBM3": Card(989, 3350),
    "NVIDIA H100 PCIe": Card(756, 2000),
    "NVIDIA A100-SXM4-80GB": Card(312, 2039),
    "NVIDIA A100 80GB PCIe": Card(312, 1935),
    "NVIDIA A100-SXM4-40GB": Card(312, 1555),
    "NVIDIA A100-PCIE-40GB": Card(312, 1555),
    "NVIDIA L40S": Card(362, 864),
    "NVIDIA L4": Card(121, 300),
    "NVIDIA A10": Card(125, 600),
    "Tesla V100-SXM2-16GB": Card(125, 900),
    "Tesla T4": Card(65, 320),
    "NVIDIA GeForce RTX 4090": Card(165, 1008),
    "NVIDIA GeForce RTX 3090": Card(71, 936),
}


def known_card(name: str) -> Card | None:
    """The card that torch calls `name`; None for one that is not in the table."""
    return CARDS.get(name)
