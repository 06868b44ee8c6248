"""The table of shared memory, against sizes worked out by hand."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from phasewell_kernels.limits import SHARED_BYTES, plane_bytes, plane_fits, shared_bytes


@pytest.mark.parametrize(
    ("height", "width", "expected"), [(1000, 1000, 128_000), (1, 1, 8), (1, 64, 8), (1, 65, 16), (4096, 4096, 1 << 21)]
)
def test_a_plane_takes_whole_words(height: int, width: int, expected: int) -> None:
    assert plane_bytes(height, width) == expected


@pytest.mark.parametrize(
    ("architecture", "fits"), [(75, False), (80, True), (86, False), (89, False), (90, True), (100, True), (120, False)]
)
def test_a_frame_of_a_megapixel_fits_where_the_chip_has_room(architecture: int, fits: bool) -> None:
    assert plane_fits(1000, 1000, architecture) is fits


def test_the_edge_counts_what_lies_beside() -> None:
    room = SHARED_BYTES[90] - plane_bytes(1000, 1000)
    assert plane_fits(1000, 1000, 90, beside=room)
    assert not plane_fits(1000, 1000, 90, beside=room + 1)


def test_an_unknown_architecture_gets_what_all_have() -> None:
    assert shared_bytes(999) == 48 * 1024 <= min(SHARED_BYTES.values())


def optin_bytes_of_libcudacxx(text: str) -> dict[int, int]:
    """Return max_shared_memory_per_block_optin by architecture, as the text of NVIDIA's arch_traits.h has it."""
    found: dict[int, int] = {}
    for body in re.split(r"arch_traits<arch_id::sm_(?=\d+>\(\) noexcept)", text)[1:]:
        architecture = int(re.match(r"\d+", body)[0])  # type: ignore[index]
        kept = 1024 if architecture >= 80 else 0
        if own := re.search(r"max_shared_memory_per_multiprocessor = (\d+) \* 1024", body):
            found[architecture] = int(own[1]) * 1024 - kept
        elif like := re.search(r"arch_traits<arch_id::sm_(\d+)>\(\);", body):
            found[architecture] = found[int(like[1])]
    return found


def test_every_row_is_that_of_the_vendor() -> None:
    cupy = find_spec("cupy")
    assert cupy and cupy.origin, "CuPy, which brings NVIDIA's headers, is one of the tests' packages"
    header = "_core/include/cupy/_cccl/libcudacxx/cuda/__device/arch_traits.h"
    vendor = optin_bytes_of_libcudacxx((Path(cupy.origin).parent / header).read_text())
    assert {name: vendor.get(name) for name in SHARED_BYTES} == SHARED_BYTES
