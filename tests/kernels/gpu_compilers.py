"""What a GPU compiler says of a kernel file: registers, shared memory and spills, per entry point and architecture.

nvcc where it is installed, else NVRTC from the packages nvidia-cuda-nvrtc and cuda-bindings, which reads the text that
CuPy is given, with the options that CuPy is given. Neither needs a GPU.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from phasewell_kernels.sources import CUPY_OPTIONS, OPTIONS, flat_source

NVCC_FLAGS = ("-std=c++17", "--fmad=false")
UNUSED_CONSTANT = "177"  # constants that only the host reads


@dataclass(frozen=True)
class Usage:
    """Of one function in machine code; registers and shared memory are 0 for functions that are called."""

    registers: int
    shared_bytes: int
    spill_bytes: int


@dataclass(frozen=True)
class Compiled:
    """One file for one architecture."""

    succeeded: bool
    log: str

    def usage(self) -> dict[str, Usage]:
        """Return what ptxas reports, by function."""
        found: dict[str, Usage] = {}
        for part in re.split(r"Function properties for ", self.log)[1:]:
            name = part.split()[0]
            spills = re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", part)
            used = re.search(r"Used (\d+) registers(.*)", part)
            shared = re.search(r"(\d+) bytes smem", used[2]) if used else None
            assert spills, part
            found[name] = Usage(
                int(used[1]) if used else 0, int(shared[1]) if shared else 0, int(spills[1]) + int(spills[2])
            )
        return found

    def warnings(self) -> list[str]:
        return [line for line in self.log.splitlines() if re.search(r"\bwarning\b", line, re.IGNORECASE)]


def with_nvcc(source: Path, architecture: int, folder: Path) -> Compiled:
    command = ["nvcc", *NVCC_FLAGS, f"-arch=sm_{architecture}", "-cubin", "-x", "cu", "-Xptxas", "-v"]
    command += ["-diag-suppress", UNUSED_CONSTANT, "-o", str(folder / f"{source.stem}.cubin"), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return Compiled(done.returncode == 0, done.stdout + done.stderr)


def with_nvrtc(source: Path, architecture: int) -> Compiled:
    from cuda.bindings import nvrtc

    def checked(answer: tuple[object, ...]) -> object:
        assert answer[0] == nvrtc.nvrtcResult.NVRTC_SUCCESS, answer[0]
        return answer[1] if len(answer) > 1 else None

    text = flat_source(source.name).encode()
    program = checked(nvrtc.nvrtcCreateProgram(text, source.name.encode(), 0, [], []))
    options = [
        *OPTIONS,
        *CUPY_OPTIONS,
        f"--gpu-architecture=sm_{architecture}",
        "--ptxas-options=-v",
        f"-diag-suppress={UNUSED_CONSTANT}",
    ]
    answer = nvrtc.nvrtcCompileProgram(program, len(options), [option.encode() for option in options])[0]
    log = b" " * int(str(checked(nvrtc.nvrtcGetProgramLogSize(program))))
    checked(nvrtc.nvrtcGetProgramLog(program, log))
    return Compiled(answer == nvrtc.nvrtcResult.NVRTC_SUCCESS, log.decode().rstrip("\0"))


def nvrtc_is_installed() -> bool:
    try:
        from cuda.bindings import nvrtc

        return bool(nvrtc.nvrtcVersion()[0] == nvrtc.nvrtcResult.NVRTC_SUCCESS)
    except (ImportError, OSError, RuntimeError):  # no package, or no library behind it
        return False


def compile_file(source: Path, architecture: int, folder: Path) -> Compiled | None:
    """Return what the compiler at hand says, None without one."""
    if shutil.which("nvcc"):
        return with_nvcc(source, architecture, folder)
    return with_nvrtc(source, architecture) if nvrtc_is_installed() else None
