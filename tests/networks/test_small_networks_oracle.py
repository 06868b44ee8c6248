"""What the small DenseNets cost, counted convolution by convolution from their layers and widths."""

from __future__ import annotations

import pytest
from phasewell.networks import count_work, make_network


def count(layers: tuple[int, ...], growth: int, maps: int, height: int, width: int) -> tuple[int, int]:
    """Return multiply-adds and parameters of a DenseNet for two classes without hidden layers."""
    height, width = (height + 1) // 2, (width + 1) // 2
    work = height * width * 49 * 3 * maps
    weights = 49 * 3 * maps + 2 * maps
    height, width = (height + 1) // 2, (width + 1) // 2
    for block, added in enumerate(layers, start=1):
        for _ in range(added):
            between = 4 * growth
            taps = maps * between + 9 * between * growth
            work += height * width * taps
            weights += taps + 2 * maps + 2 * between
            maps += growth
        if block < len(layers):
            work += height * width * maps * (maps // 2)
            weights += maps * (maps // 2) + 2 * maps
            maps //= 2
            height, width = height // 2, width // 2
    return work + 2 * maps, weights + 2 * maps + 2 * maps + 2


@pytest.mark.parametrize(
    ("name", "layers", "growth", "first"),
    [("densenet13", (1, 1, 1, 1), 32, 64), ("densenet19", (1, 2, 2, 2), 12, 16)],
)
def test_small_networks_have_the_work_of_their_layers(
    name: str, layers: tuple[int, ...], growth: int, first: int
) -> None:
    assert tuple(count_work(make_network(name), 226, 306)) == count(layers, growth, first, 226, 306)
