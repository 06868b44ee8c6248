"""Which code makes the numbers: the package version and a digest of the sources that enter a part."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import phasewell

# everything between the 8-bit pixels and the bytes of a part
_SOURCES = (
    "segmentation",
    "descriptors",
    "quality",
    "background.py",
    "cells.py",
    "profiles.py",
    "manifest.py",
    "runs/worker/task.py",
    "runs/worker/assembly.py",
    "runs/worker/measuring.py",
    "runs/worker/lanes.py",
    "runs/worker/gpu_lane.py",
    "tables/parts.py",
)
# everything between the 8-bit pixels and the bytes of a scores part
_SCORES_SOURCES = (
    "inference",
    "networks",
    "manifest.py",
    "runs/worker/scoring.py",
    "runs/worker/task.py",
    "runs/worker/lanes.py",
    "tables/parts.py",
    "tables/score_parts.py",
)
# everything between the 8-bit pixels and a picture that a network learns from
_PICTURES_SOURCES = (
    "inference/framing.py",
    "inference/preparation.py",
    "inference/scoring.py",
    "runs/learning/labelled_frames.py",
)
# everything between those pictures and the weights
_TRAINING_SOURCES = (*_PICTURES_SOURCES, "learning", "networks", "runs/learning/training.py")
# everything between the moments of fields and the figures of paper R
_POTENCY_SOURCES = ("potency", "populations", "profiles.py", "runs/paper_r")
_SCORES_KERNELS = ("grid.cuh", "cnn_input.cuh", "gpu.py", "launching.py")
_KERNEL_SUFFIXES = {".py", ".cuh", ".cpp"}


@functools.cache
def code_version() -> str:
    """Return `<package version>+<16 hexadecimal digits>`; a changed source file of cells gives another one."""
    return _digest([*_engine_sources(_SOURCES), *_kernel_sources()])


@functools.cache
def scores_code_version() -> str:
    """Return the same for scores."""
    return _digest([*_engine_sources(_SCORES_SOURCES), *_picture_kernels()])


@functools.cache
def pictures_code_version() -> str:
    """Return the same for the pictures that networks learn from."""
    return _digest([*_engine_sources(_PICTURES_SOURCES), *_picture_kernels()])


@functools.cache
def training_code_version() -> str:
    """Return the same for weights that were learned."""
    return _digest([*_engine_sources(_TRAINING_SOURCES), *_picture_kernels()])


@functools.cache
def potency_code_version() -> str:
    """Return the same for what is made of the moments of a finished run."""
    return _digest([*_engine_sources(_POTENCY_SOURCES)])


def _picture_kernels() -> Iterator[tuple[str, Path]]:
    return (source for source in _kernel_sources() if source[1].name in _SCORES_KERNELS)


def _digest(sources: list[tuple[str, Path]]) -> str:
    digest = hashlib.sha256()
    for name, path in sorted(sources):
        data = path.read_bytes()
        digest.update(f"{name} {len(data)}\n".encode())
        digest.update(data)
    return f"{phasewell.__version__}+{digest.hexdigest()[:16]}"


def _engine_sources(sources: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    root = Path(phasewell.__file__).parent
    for source in sources:
        path = root / source
        for file in path.rglob("*.py") if path.is_dir() else [path]:
            yield file.relative_to(root).as_posix(), file


def _kernel_sources() -> Iterator[tuple[str, Path]]:
    spec = importlib.util.find_spec("phasewell_kernels")
    # an editable install has two folders: the sources, and the compiled module beside copies of them
    for folder in (spec.submodule_search_locations or ())[-1:] if spec else ():
        for file in Path(folder).rglob("*"):
            if file.suffix in _KERNEL_SUFFIXES:
                yield f"kernels/{file.relative_to(folder).as_posix()}", file
