"""CuPy's own way from the text of a kernel to machine code, without a GPU: its options, its compiler, its names.

The packages cupy-cuda13x and nvidia-cuda-nvrtc are needed, and no driver. CuPy asks the GPU only for its architecture.
"""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from phasewell_kernels.sources import CUPY_OPTIONS, OPTIONS, entry_points, flat_source

cupy = pytest.importorskip("cupy", reason="cupy-cuda13x is not installed: its way to machine code is not tried")
ARCHITECTURES = (80, 90, 100, 120)
FILES = sorted({entry.file for entry in entry_points().values()})
LONG = ("background.cuh", "components.cuh", "measure.cuh", "segment.cuh", "split.cuh", "texture.cuh")


@pytest.fixture
def compiler() -> Any:
    from cupy.cuda import compiler
    from cupy_backends.cuda.libs import nvrtc

    try:
        nvrtc.getVersion()
    except RuntimeError as error:  # no library
        pytest.skip(f"nvidia-cuda-nvrtc is not installed: CuPy compiles nothing here ({str(error).splitlines()[0]})")
    return compiler


def compile_as_cupy(compiler: Any, file: str, architecture: int, monkeypatch: pytest.MonkeyPatch) -> tuple[bytes, Any]:
    """Return machine code and the options that reached the compiler, by CuPy's function behind RawModule."""
    seen = []
    program = compiler._NVRTCProgram

    class Program(program):  # type: ignore[misc,valid-type]
        def compile(self, options: tuple[str, ...] = (), log_stream: Any = None) -> Any:
            seen.append(options)
            return super().compile(options, log_stream)

    monkeypatch.setattr(compiler, "_NVRTCProgram", Program)
    monkeypatch.setattr(compiler, "_get_arch_for_options_for_nvrtc", lambda arch: (f"-arch=sm_{arch}", "cubin"))
    # what RawModule adds before this function is in CUPY_OPTIONS as well: see `_compile_with_cache_cuda`
    options = (*OPTIONS, CUPY_OPTIONS[0])
    cubin, _ = compiler._compile_using_nvrtc_no_warning(flat_source(file), options, str(architecture))
    return cubin, seen[-1]


def check(compiler: Any, file: str, architecture: int, monkeypatch: pytest.MonkeyPatch) -> None:
    cubin, options = compile_as_cupy(compiler, file, architecture, monkeypatch)
    assert cubin[:4] == b"\x7fELF"
    names = [name for name, entry in entry_points().items() if entry.file == file]
    assert names
    for name in names:
        assert b".text." + name.encode() + b"\0" in cubin
    assert sorted(options) == sorted({*OPTIONS, *CUPY_OPTIONS, f"-arch=sm_{architecture}"}), "each option once"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("file", [file for file in FILES if file not in LONG])
def test_short_files(compiler: Any, file: str, architecture: int, monkeypatch: pytest.MonkeyPatch) -> None:
    check(compiler, file, architecture, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("file", LONG)
def test_long_files(compiler: Any, file: str, architecture: int, monkeypatch: pytest.MonkeyPatch) -> None:
    check(compiler, file, architecture, monkeypatch)


def test_what_cupy_adds_is_known() -> None:
    from cupy.cuda import compiler

    source = inspect.getsource(compiler._compile_with_cache_cuda) + inspect.getsource(
        compiler._compile_using_nvrtc_no_warning
    )
    for option in CUPY_OPTIONS:
        assert f"options += ('{option}',)" in source, f"CuPy {cupy.__version__} does not add {option}"


def test_names_of_launches_and_memory() -> None:
    """What launching.py uses of CuPy, apart from arrays."""
    for owner, names in {
        cupy: ("RawModule", "asarray", "asnumpy", "empty", "ndarray", "get_default_memory_pool"),
        cupy.cuda: ("Device", "Stream", "get_current_stream", "alloc", "alloc_pinned_memory", "runtime"),
        cupy.cuda.Stream: ("synchronize", "__enter__", "__exit__"),
        cupy.cuda.Device: ("id", "attributes", "mem_info", "__enter__", "__exit__"),
        cupy.cuda.MemoryPointer: ("mem", "ptr"),
        cupy.cuda.memory.PooledMemory: ("size",),
        cupy.cuda.runtime: ("memcpyAsync", "memcpyHostToDevice", "memcpyDeviceToHost", "CUDARuntimeError"),
        cupy.RawKernel: ("max_dynamic_shared_size_bytes", "shared_size_bytes", "__call__"),
        cupy.RawModule: ("get_function", "compile"),
        cupy.get_default_memory_pool(): ("free_all_blocks",),
        cupy.get_default_pinned_memory_pool(): ("free_all_blocks",),
    }.items():
        assert not [name for name in names if not hasattr(owner, name)], owner
    assert issubclass(cupy.cuda.memory.OutOfMemoryError, MemoryError)
    assert isinstance(cupy.cuda.runtime.CUDARuntimeError(700), Exception)
    assert cupy.cuda.runtime.CUDARuntimeError(700).status == 700
    assert cupy.cuda.Stream.null.ptr == 0
