"""Whole ways from frames to descriptors, and their parts, that are measured side by side: ours and other people's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
import peers
from kernel_frames import PIXEL_SIZE_UM, make_frames
from numpy.typing import NDArray
from phasewell.background import adjust_background, half_window_px
from phasewell.config import BackgroundConfig, SegmentationConfig
from phasewell.descriptors import describe_adjusted
from phasewell.device import CPU_KERNEL_FRAMES, Device
from phasewell.frames import FrameBatch
from phasewell.runs.worker.measuring import measure_cells
from phasewell.segmentation import make_recipe, segment_adjusted
from phasewell.segmentation.recipe import Recipe
from phasewell.segmentation.texture import gradient_energy
from phasewell.segmentation.threshold import binarise, frame_thresholds, stands_out

KERNEL_FRAMES = CPU_KERNEL_FRAMES  # of one call: what the engine itself hands to the kernels at once
PRESETS: tuple[Literal["paper-r", "phase"], ...] = ("paper-r", "phase")

FUSED = (
    "frames to labels and 12 descriptors: background, eight steps, descriptors; store excluded, and the kernels write "
    "labels out only for the comparison, as a run does"
)
DESCRIPTORS = "labels and adjusted frames to 12 descriptors"
PIECES = "a binary frame (a bit plane for the kernels, else a byte a pixel) to labels of its 8-connected pieces"
COPY = "frames copied"

CHAIN_PEERS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "OpenCV + nyxus": (peers.segment_with_opencv, peers.describe_with_nyxus),
    "scikit-image": (peers.segment_with_scikit_image, peers.describe_with_scikit_image),
}
DESCRIPTOR_PEERS = ("nyxus", "scikit-image", "mahotas", "cp_measure", "cp_measure, numba")
PIECE_PEERS = ("OpenCV", "OpenCV with areas", "cc3d", "SciPy", "scikit-image")


@dataclass(frozen=True)
class Chain:
    """One program for one boundary; `call` handles `frames` frames and returns what is compared."""

    boundary: str
    who: str
    preset: str  # "" where the boundary has none
    frames: int
    call: Callable[[], Any]

    @property
    def name(self) -> str:
        """What the chain is called in one run."""
        return "|".join((self.boundary, self.who, self.preset))


@dataclass(frozen=True)
class Material:
    """What all chains of one run read: frames, adjusted frames and labels, (frames, height, width)."""

    frames: NDArray[np.uint8]
    grey: NDArray[np.uint8]
    labels: NDArray[np.int32]  # preset paper-r
    foreground: NDArray[np.bool_]  # after step 3 of preset phase: ragged, with thousands of pieces


def make_material(cells: int, count: int = KERNEL_FRAMES) -> Material:
    """Return the frames with this many cells each, and what the array engine makes of them."""
    arrays = Device("cpu", "arrays")
    frames = make_frames(cells, count)
    grey = adjust_background(frames, PIXEL_SIZE_UM, arrays)
    config = SegmentationConfig(preset="paper-r")
    found = [segment_adjusted(one[None], PIXEL_SIZE_UM, arrays, config) for one in grey]
    recipe = make_recipe(SegmentationConfig(preset="phase"), PIXEL_SIZE_UM)
    return Material(frames, grey, np.concatenate(found), find_foreground(grey, recipe, contrast=True))


def find_foreground(grey: NDArray[np.uint8], recipe: Recipe, contrast: bool) -> NDArray[np.bool_]:
    """Return steps 2 and 3 by the arrays, with or without the contrast test, (frames, height, width)."""
    masks = []
    for one in np.split(grey, len(grey)):  # one by one: the energies of a batch would take hundreds of megabytes
        energy = gradient_energy(np, one, recipe.texture_half_px or 0)
        numbers = recipe.otsu_percent, recipe.threshold_floor, recipe.threshold_cap
        mask = binarise(np, energy, frame_thresholds(np, energy, *numbers))
        if contrast:
            mask &= stands_out(np, energy, recipe.contrast_ratio, recipe.contrast_radius_px)
        masks.append(mask)
    return np.concatenate(masks)


def run_fused(
    frames: NDArray[np.uint8], device: Device, preset: Literal["paper-r", "phase"], keep_labels: bool = False
) -> tuple[Any, Any]:
    """Return labels, or None, and the values of the cell table, computed as a run computes them."""
    batch, config = FrameBatch(frames, PIXEL_SIZE_UM), SegmentationConfig(preset=preset)
    cells, labels = measure_cells(batch, device, BackgroundConfig(), config, keep_labels)
    return labels, cells.values


def our_chains(material: Material, engine: Literal["kernels", "arrays"], threads: int) -> list[Chain]:
    """Return our own chains: one frame per call for the arrays, which are fastest so, else all frames."""
    device, who = Device("cpu", engine, threads), f"phasewell {engine}"
    count = 1 if engine == "arrays" else len(material.frames)
    frames, grey, labels = material.frames[:count], material.grey[:count], material.labels[:count]
    fused = [Chain(FUSED, who, p, count, partial(run_fused, frames, device, p, engine == "arrays")) for p in PRESETS]
    describe = partial(_values, grey, labels, device)
    return [*fused, Chain(DESCRIPTORS, who, "", count, describe)]


def peer_chains(material: Material) -> list[Chain]:
    """Return the chains of the peers, one frame per call; they have the windows and areas of paper-r in pixels."""
    peers.quieten()
    recipe = make_recipe(SegmentationConfig(preset="paper-r"), PIXEL_SIZE_UM)
    half = half_window_px(BackgroundConfig().window_um, PIXEL_SIZE_UM)
    frame, grey, labels = material.frames[0], material.grey[0], material.labels[0]
    mask = material.foreground[0].astype(np.uint8)

    def whole(segment: Callable[..., Any], describe: Callable[..., Any]) -> tuple[Any, Any]:
        found = segment(frame, recipe, half)
        return found, describe(peers.flatten_with_opencv(frame, half), found)

    chains = [Chain(FUSED, who, "", 1, partial(whole, *steps)) for who, steps in CHAIN_PEERS.items()]
    chains += [
        Chain(DESCRIPTORS, who, "", 1, partial(peers.describe_chain, grey, labels, who)) for who in DESCRIPTOR_PEERS
    ]
    for who in PIECE_PEERS:
        chains.append(_repeated(Chain(PIECES, who, "", 1, partial(peers.count_pieces, mask, who)), 10))
    return chains


def copy_chain(material: Material) -> Chain:
    """Return what bounds all others: the frames copied."""
    target = np.empty_like(material.frames)
    return _repeated(Chain(COPY, "NumPy", "", len(target), partial(np.copyto, target, material.frames)), 50)


def _repeated(chain: Chain, times: int) -> Chain:
    # short work is repeated within a call, or the message to the worker would count
    def call() -> Any:
        for _ in range(times - 1):
            chain.call()
        return chain.call()

    return replace(chain, frames=chain.frames * times, call=call)


def all_chains(material: Material, threads: int, with_peers: bool) -> list[Chain]:
    """Return every chain; `threads` are those of the kernels."""
    ours = [*our_chains(material, "kernels", threads), *our_chains(material, "arrays", 1)]
    theirs = peer_chains(material) if with_peers else []
    return [*ours, pieces_chain(material, threads), copy_chain(material), *theirs]


def one_core(cells: int, with_peers: bool) -> Mapping[str, Callable[[], Any]]:
    """Return everything that runs on one core, by name: what a worker holds."""
    return {chain.name: chain.call for chain in all_chains(make_material(cells), 1, with_peers)}


def pieces_chain(material: Material, threads: int) -> Chain:
    """Return our labelling of the same masks, from bit planes to label images."""
    from phasewell_kernels import cpu

    planes = pack_planes(material.foreground)
    labels, counts = np.empty_like(material.labels), np.empty(len(planes), np.int32)

    def call() -> int:
        cpu.label_pieces(planes, False, labels, counts, threads=threads)
        return int(counts[0])

    return _repeated(Chain(PIECES, "phasewell kernels", "", len(planes), call), 10)


def pack_planes(masks: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """Return masks (frames, height, width) as bit planes (frames, height, words of 64 columns)."""
    count, height, width = masks.shape
    bits = np.zeros((count, height, (width + 63) // 64 * 64), np.uint8)
    bits[:, :, :width] = masks
    return np.packbits(bits, axis=2, bitorder="little").view("<u8").astype(np.uint64)


def unpack_planes(planes: NDArray[np.uint64], width: int) -> NDArray[np.bool_]:
    """Return bit planes as masks (frames, height, width)."""
    bits = np.unpackbits(planes.astype("<u8").view(np.uint8), axis=2, bitorder="little")
    return bits[:, :, :width].astype(bool)


def _values(grey: NDArray[np.uint8], labels: NDArray[np.int32], device: Device) -> NDArray[np.float64]:
    return describe_adjusted(grey, labels, PIXEL_SIZE_UM, device).values
