"""What a GPU's errors mean for a run: too little memory, or a device that this process can use no more."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

MEMORY_CODE = 2
"""cudaErrorMemoryAllocation, CUDA_ERROR_OUT_OF_MEMORY."""

LOST_CODES = {
    46: "cudaErrorDevicesUnavailable",
    100: "cudaErrorNoDevice",
    101: "cudaErrorInvalidDevice",
    214: "cudaErrorECCUncorrectable",
    220: "cudaErrorNvlinkUncorrectable",
    226: "cudaErrorContained",
    700: "cudaErrorIllegalAddress",
    702: "cudaErrorLaunchTimeout",
    709: "cudaErrorContextIsDestroyed",
    710: "cudaErrorAssert",
    714: "cudaErrorHardwareStackError",
    715: "cudaErrorIllegalInstruction",
    716: "cudaErrorMisalignedAddress",
    717: "cudaErrorInvalidAddressSpace",
    718: "cudaErrorInvalidPc",
    719: "cudaErrorLaunchFailure",
    721: "cudaErrorTensorMemoryLeak",
    810: "cudaErrorMpsClientTerminated",
    911: "cudaErrorExternalDevice",
    999: "cudaErrorUnknown",
}
"""Errors after which no call of this process on the GPU can be trusted, by number; the driver API has the same numbers.

Source: driver_types.h of CUDA 13.0, of which 226, 700, 702, 710, 714 to 719, 721, 810 and 911 are said to leave the
process in an inconsistent state, so that it must be terminated and relaunched. 214 and 220 are uncorrectable errors of
the hardware. 46, 100, 101, 709 and 999, from a GPU that has worked before, are one that vanished or was reset.
"""


class OutOfMemory(MemoryError):  # noqa: N818 - a state of the device, named like its cause
    """The GPU, or memory that it can read in the host, is used up: less at once may do. Nothing else is wrong."""


class DeviceLost(RuntimeError):  # noqa: N818
    """The GPU failed in a way that no call of this process recovers from: the process must end."""


@contextlib.contextmanager
def told(device: str) -> Iterator[None]:
    """Turn CuPy's errors inside into OutOfMemory or DeviceLost where they mean that; others stay as they are."""
    try:
        yield
    except (OutOfMemory, DeviceLost):
        raise
    except MemoryError as error:
        raise OutOfMemory(f"{device}: {error}") from error
    except Exception as error:
        code = getattr(error, "status", None)  # of CUDARuntimeError and CUDADriverError
        if code == MEMORY_CODE:
            raise OutOfMemory(f"{device}: {error}") from error
        if code in LOST_CODES:
            raise DeviceLost(f"{device}: {LOST_CODES[code]} ({code}): {error}") from error
        raise
