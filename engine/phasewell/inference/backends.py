"""Which backend and precision serve a model on a device, and by what name: decided before anything heavy is loaded."""

from __future__ import annotations

import contextlib
import importlib.metadata
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from phasewell.errors import UnavailableError, UsageError
from phasewell.inference.int8_file import read_int8

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phasewell.device import Device
    from phasewell.inference.model_file import Model

Backend = Literal["auto", "openvino", "torch", "tensorrt"]
Precision = Literal["auto", "f32", "bf16", "f16", "int8"]
Acceleration = Literal["none", "graphs", "compile"]

RunPictures = Callable[[Any], "NDArray[Any]"]
"""A model ready to serve: pictures (frames, height, width) uint8 of one size -> logits (frames, classes) float32."""

# what decides which instructions a convolution library uses: oneDNN's names, the best first, with the flags of Linux
_INSTRUCTION_SETS = (
    ("avx512_core_amx", {"amx_tile", "amx_bf16", "amx_int8", "avx512bw"}),
    ("avx512_core_bf16", {"avx512_bf16", "avx512_vnni", "avx512bw", "avx512vl"}),
    ("avx512_core_vnni", {"avx512_vnni", "avx512bw", "avx512vl"}),
    ("avx512_core", {"avx512f", "avx512bw", "avx512vl", "avx512dq"}),
    ("avx2_vnni", {"avx_vnni", "avx2"}),
    ("avx2", {"avx2", "fma"}),
    ("sse41", {"sse4_1"}),
)
_BF16_SETS = ("avx512_core_amx", "avx512_core_bf16")
_BF16_CAPABILITY = 80  # of CUDA devices, times ten: the first with bf16 in its matrix units
_REMEDIES = {
    "openvino": "install the extra serve: `phasewell doctor` shows how",
    "torch": "install the extra train: `phasewell doctor` shows how",
    "tensorrt": "install TensorRT 11 (or 10.16) with its Python bindings from its maker, or use backend torch",
}
_TENSORRT_NAMES = ("tensorrt", "tensorrt-cu13", "tensorrt-cu12")  # one library, a distribution per CUDA version


@dataclass(frozen=True)
class SessionIdentity:
    """Who makes scores. Two sessions with equal identities give the same bits; others are never mixed in one run."""

    model_sha256: str
    backend: str  # with its version
    precision: str
    hardware: str  # class of the instruction set, or architecture of the GPU

    def to_dict(self) -> dict[str, str]:
        """Return it as a JSON document."""
        return asdict(self)

    def __str__(self) -> str:
        return f"model {self.model_sha256[:12]} by {self.backend} in {self.precision} on {self.hardware}"


def identify_session(
    model: Model,
    device: Device,
    precision: Precision = "auto",
    backend: Backend = "auto",
    acceleration: Acceleration = "none",
    batch: int | None = None,
) -> SessionIdentity:
    """Return who would score on a device, without loading the model or a backend.

    Backend auto: on a CPU OpenVINO, or torch where only that is installed; on a GPU torch; tensorrt only where it is
    asked for. Precision auto: bf16 where the processor multiplies it, else f32; int8 only where it is asked for, by the
    digest of the INT8 graph's card, which names the model's. `batch` as in `open_session`. Raises UsageError for a
    combination that does not exist, UnavailableError for a backend that is not installed, InputError for int8 of a
    model that has no INT8 graph.
    """
    for name, value, known in (
        ("backend", backend, get_args(Backend)),
        ("precision", precision, get_args(Precision)),
        ("acceleration", acceleration, get_args(Acceleration)),
    ):
        if value not in known:
            raise UsageError(f"inference.{name} {value!r}: expected one of {', '.join(known)}")
    hardware = describe_hardware(device)
    chosen = _choose_backend(device, backend)
    if precision == "auto":
        precision = "bf16" if _multiplies_bf16(device, hardware) else "f32"
    if precision == "f16" and not device.is_gpu:
        raise UsageError("inference.precision f16: processors multiply it on GPUs only; expected f32 or bf16")
    if precision == "int8" and chosen == "torch":
        raise UsageError("inference.precision int8: torch does not serve it; expected openvino on a CPU or tensorrt")
    if acceleration != "none" and not (chosen == "torch" and device.is_gpu):
        raise UsageError(f"inference.acceleration {acceleration}: needs backend torch on a GPU; expected none")
    name = f"{chosen} {_version(chosen)}" if acceleration == "none" else f"{chosen} {_version(chosen)} {acceleration}"
    if batch is not None:
        if chosen != "torch" or batch < 1:
            raise UsageError(f"session: batch {batch} by {chosen}; torch alone serves batches of a size, of 1 or more")
        name += f" batch {batch}"  # for other sizes a GPU has other kernels, which round differently
    if chosen == "torch" and not device.is_gpu:
        name += f" threads {device.threads}"  # measured: its float32 sums follow the number of threads
    sha256 = read_int8(model).sha256 if precision == "int8" else model.sha256
    return SessionIdentity(sha256, name, precision, hardware)


def describe_hardware(device: Device) -> str:
    """Return the class of instruction set of this host, or the GPU's architecture such as sm_90."""
    if device.is_gpu:
        return f"sm_{device.xp.cuda.Device(int(device.name.partition(':')[2])).compute_capability}"
    flags = _cpu_flags()
    for name, needed in _INSTRUCTION_SETS:
        if needed <= flags:
            return name
    return platform.machine()


def _choose_backend(device: Device, backend: Backend) -> str:
    candidates: list[str]
    if device.is_gpu:
        if backend == "openvino":
            raise UsageError(
                "inference.backend openvino: serves on CPUs; expected torch or tensorrt, or compute.device cpu"
            )
        candidates = ["torch" if backend == "auto" else backend]
    elif backend == "tensorrt":
        raise UsageError(
            "inference.backend tensorrt: serves on GPUs only; expected one of auto, openvino, torch, or a GPU in "
            "compute.device"
        )
    else:
        candidates = ["openvino", "torch"] if backend == "auto" else [backend]
    for name in candidates:
        if _version(name):
            return name
    wanted = candidates[0]
    raise UnavailableError(
        f"inference.backend {backend}: {' and '.join(candidates)} not installed; {_REMEDIES[wanted]}"
    )


def _multiplies_bf16(device: Device, hardware: str) -> bool:
    if device.is_gpu:
        return int(hardware.removeprefix("sm_")) >= _BF16_CAPABILITY
    return hardware in _BF16_SETS


def _version(distribution: str) -> str | None:
    for name in _TENSORRT_NAMES if distribution == "tensorrt" else (distribution,):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(name)
    return None


def _cpu_flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return set()
    return next((set(line.partition(":")[2].split()) for line in lines if line.startswith("flags")), set())
