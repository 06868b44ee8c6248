"""What a block of threads may hold in shared memory, by GPU architecture, and which bit planes fit.

cudaDeviceProp names the number sharedMemPerBlockOptin. Source of every row: NVIDIA's libcu++, header
`cuda/__device/arch_traits.h`, where max_shared_memory_per_block_optin is what a multiprocessor has (64, 100, 164 or
228 KiB) less 1 KiB that the driver keeps from sm_80 on; a test reads the copy that CuPy brings. CUTLASS says the same
where it says anything: arch/arch.h 232,448 bytes for sm_90 and sm_100 and 101,376 for sm_120, smem_capacity.py 163 KiB
for sm_80 and 99 KiB for sm_86 and sm_89. On a GPU the driver's own number is asked for, so a wrong row here cannot make
a launch fail. Above 48 KiB it is dynamic shared memory that a launch must ask for. Compilers do not check it: they
accept any dynamic size, and up to 48 KiB static for every architecture, so this table is the check.
"""

from __future__ import annotations

KIB = 1024

SHARED_BYTES = {
    75: 64 * KIB,  # Turing
    80: 163 * KIB,  # A100, A30
    86: 99 * KIB,  # A10, A40, RTX 30
    87: 163 * KIB,  # Orin
    89: 99 * KIB,  # L4, L40, RTX 40
    90: 227 * KIB,  # H100, H200, GH200
    100: 227 * KIB,  # B200
    103: 227 * KIB,  # B300
    110: 227 * KIB,  # Thor
    120: 99 * KIB,  # RTX 50, RTX PRO 6000
    121: 99 * KIB,  # GB10
}
"""Most bytes of shared memory of one block, by architecture (10 * major + minor of the compute capability)."""

UNKNOWN_SHARED_BYTES = 48 * KIB
"""What every architecture gives without being asked; used for one that is not in the table."""


def shared_bytes(architecture: int) -> int:
    """Return the most bytes of shared memory that a block may have on `architecture`, such as 90."""
    return SHARED_BYTES.get(architecture, UNKNOWN_SHARED_BYTES)


def plane_bytes(height: int, width: int) -> int:
    """Return the bytes of a bit plane of height x width px: rows of whole 64-bit words."""
    return height * ((width + 63) // 64) * 8


def plane_fits(height: int, width: int, architecture: int, beside: int = 0) -> bool:
    """Return whether a plane of height x width px and `beside` further bytes fit in a block's shared memory."""
    return plane_bytes(height, width) + beside <= shared_bytes(architecture)
