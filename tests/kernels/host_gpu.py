"""A GPU played by the CPU: what `phasewell_kernels.gpu` uses of CuPy, over NumPy arrays.

The entry points are the GPU's own, compiled by g++ as blocks of real threads (gpu_on_host.hpp), so that arguments,
scratch memory and results of a launch are checked without a GPU. Scratch memory is filled with rubbish before every
launch, and the bytes behind it are watched.
"""

from __future__ import annotations

import atexit
import ctypes
import functools
import itertools
import re
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from phasewell_kernels.sources import OPTIONS, entry_points

HEADER = Path(__file__).parent / "gpu_on_host.hpp"
RUBBISH = 0x5A
GUARD = 4096  # bytes behind every piece of scratch memory
READ_SCRATCH = ("place_cells", "measure_cells")  # after list_cells, whose runs lie there
HOPPER = {"MaxSharedMemoryPerBlockOptin": 232448}


@functools.cache
def _folder() -> Any:
    folder = tempfile.TemporaryDirectory(prefix="gpu_on_host_")
    atexit.register(folder.cleanup)
    return folder


@functools.cache
def _library(source: str) -> ctypes.CDLL:
    # the one declaration of shared memory that is not a definition stays one
    calls = "".join(_calling(name) for name in entry_points() if re.search(rf"^PW_KERNEL .*\b{name}\(", source, re.M))
    library = _compile(source.replace("extern __shared__", "extern") + calls, "-std=c++17", "-include", HEADER)
    library.pw_shared_memory.restype = ctypes.c_void_p
    return library


@functools.cache
def _blocks() -> ctypes.CDLL:
    return _compile(HEADER.with_suffix(".cpp").read_text(), "-std=c++20", "-pthread")


def _compile(source: str, *options: str | Path) -> ctypes.CDLL:
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("g++ is not installed: no GPU can be played by the CPU")
    folder = Path(_folder().name)
    path = folder / f"kernel_{len(list(folder.iterdir()))}.cpp"
    path.write_text(source)
    options = ("-O1", "-shared", "-fPIC", "-ffp-contract=off", "-w", *options)
    subprocess.run([compiler, *options, path, "-o", path.with_suffix(".so")], check=True)
    return ctypes.CDLL(str(path.with_suffix(".so")))


def _calling(name: str) -> str:
    kinds = [kind for kind, _ in entry_points()[name].parameters]
    values = ", ".join(f"*({kind}*)at[{index}]" for index, kind in enumerate(kinds))
    return f'extern "C" void call_{name}(void** at) {{ {name}({values}); }}\n'


class _Kernel:
    """One entry point; its attributes are those of a RawKernel."""

    def __init__(self, host: HostGpu, library: ctypes.CDLL, name: str) -> None:
        self._host, self._library, self._name = host, library, name
        self.shared_size_bytes = 0
        self.max_dynamic_shared_size_bytes = 48 * 1024

    def __call__(self, grid: tuple[int, ...], block: tuple[int, ...], args: Any, *, shared_mem: int = 0) -> None:
        assert 1 <= block[0] <= 1024
        assert shared_mem <= self.max_dynamic_shared_size_bytes
        self._host.launches.append((self._name, grid[0], shared_mem))
        shared = _view(self._library.pw_shared_memory(), shared_mem + GUARD)
        shared[shared_mem:] = RUBBISH
        if self._name not in READ_SCRATCH:
            self._host.fill_scratch()
        kinds = [kind for kind, _ in entry_points()[self._name].parameters]
        values = [_c_argument(kind, value) for kind, value in zip(kinds, args, strict=True)]
        places = (ctypes.c_void_p * len(values))(*(ctypes.addressof(value) for value in values))
        call = getattr(self._library, f"call_{self._name}")
        rows = grid[1] if len(grid) > 1 else 1
        for y in range(rows):
            for x in range(grid[0]):
                shared[:shared_mem] = RUBBISH
                threads = min(block[0], self._host.threads)
                _blocks().pw_run_block(x, y, rows, threads, self._library.pw_enter, call, places)
        assert (shared[shared_mem:] == RUBBISH).all(), f"{self._name} wrote behind its shared memory"
        self._host.check_guards(self._name)


def _c_argument(kind: str, value: Any) -> Any:
    # what an argument is in memory
    if isinstance(value, np.ndarray):
        assert value.flags.c_contiguous
        value = np.uint64(value.ctypes.data)
    assert value.itemsize == (8 if kind.endswith("*") or "64" in kind else 4), f"{kind} of {value.itemsize} bytes"
    return np.ctypeslib.as_ctypes_type(value.dtype)(value.item())


def _view(address: int, size: int) -> Any:
    return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address))


class _Pinned(bytearray):
    """Page-locked memory."""

    @property
    def ptr(self) -> int:
        """Where it begins."""
        return ctypes.addressof(ctypes.c_char.from_buffer(self))


class _Stream:
    def __init__(self, host: HostGpu, ptr: int) -> None:
        self._host, self.ptr = host, ptr

    def __enter__(self) -> None:
        self._host.streams.append(self)

    def __exit__(self, *_: object) -> None:
        self._host.streams.pop()

    def synchronize(self) -> None:
        """Wait for nothing: all is done at once."""


class HostGpu:
    """Stands for the module cupy; keeps what it was asked to do."""

    ndarray = np.ndarray

    def empty(self, shape: Any, dtype: Any) -> Any:
        """Return memory full of rubbish."""
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        self.array_bytes += size
        return np.full(size, RUBBISH, np.uint8).view(dtype).reshape(shape)

    def __init__(self, threads: int = 1, attributes: dict[str, int] | None = None, memory: int = 8 << 30) -> None:
        self.threads = threads  # of a block, at most
        self.launches: list[tuple[str, int, int]] = []  # (entry point, blocks, bytes of dynamic shared memory)
        self.copies = 0
        self.allocated: list[int] = []  # bytes
        self.array_bytes = 0  # of arrays that were asked for by `empty`
        self._scratch: list[Any] = []
        self._numbers = itertools.count()
        self._failing: dict[str, Exception] = {}
        self._current = threading.local()  # as CuPy's, every thread's own

        class Device:
            def __init__(self, index: int) -> None:
                assert index == 0
                self.id, self.attributes, self.mem_info = 0, attributes or HOPPER, (memory, memory)

            def __enter__(self) -> None:
                pass

            def __exit__(self, *_: object) -> None:
                pass

            def __eq__(self, other: object) -> bool:
                return other == "cpu"  # what NumPy calls the device of its arrays

            __hash__ = None  # type: ignore[assignment]

        self.cuda = SimpleNamespace(
            Device=Device,
            Stream=lambda non_blocking: self.stream(1000 + next(self._numbers)) if non_blocking else None,
            get_current_stream=lambda: self.streams[-1],
            alloc=self._alloc,
            alloc_pinned_memory=lambda size: _Pinned(b"Z" * (size + 512)),  # a pool gives more than was asked for
            runtime=SimpleNamespace(memcpyAsync=self._copy, memcpyHostToDevice=1, memcpyDeviceToHost=2),
        )

    def fail_next(self, what: str, error: Exception) -> None:
        """Let the next call of alloc or memcpyAsync fail."""
        self._failing[what] = error

    def _fail(self, what: str) -> None:
        if what in self._failing:
            raise self._failing.pop(what)

    def _copy(self, target: int, source: int, size: int, kind: int, stream: int) -> None:
        assert kind in (1, 2) and stream == self.streams[-1].ptr
        self._fail("memcpyAsync")
        self.copies += 1
        ctypes.memmove(target, source, size)

    def get_default_memory_pool(self) -> Any:
        """Return the pool, which is asked to give back what nobody holds."""
        return SimpleNamespace(free_all_blocks=lambda: None)

    get_default_pinned_memory_pool = get_default_memory_pool

    @property
    def streams(self) -> list[_Stream]:
        """The streams that were entered, the current one last."""
        if not hasattr(self._current, "streams"):
            self._current.streams = [_Stream(self, 0)]
        streams: list[_Stream] = self._current.streams
        return streams

    def stream(self, ptr: int) -> _Stream:
        """Return a stream of one's own."""
        return _Stream(self, ptr)

    def asarray(self, array: Any) -> Any:
        """Copy to the GPU."""
        self.copies += 1
        return np.array(array)

    def asnumpy(self, array: Any) -> Any:
        """Copy from the GPU."""
        self.copies += 1
        return array.copy()

    def RawModule(self, code: str, options: tuple[str, ...]) -> Any:  # noqa: N802 - CuPy's name
        """Compile for the CPU."""
        assert options == OPTIONS
        library = _library(code)
        return SimpleNamespace(get_function=lambda name: _Kernel(self, library, name))

    def fill_scratch(self) -> None:
        """Scratch memory holds nothing that a kernel may rely on."""
        for memory in self._scratch:
            memory[...] = RUBBISH

    def check_guards(self, name: str) -> None:
        """Fail if the kernel `name` wrote behind an arena."""
        for memory in self._scratch:
            assert (memory[-GUARD:] == RUBBISH).all(), f"{name} wrote behind its arena"

    def _alloc(self, size: int) -> Any:
        self._fail("alloc")
        self.allocated.append(size)
        whole = np.empty(size + GUARD + 256, np.uint8)
        start = -whole.ctypes.data % 256
        self._scratch.append(whole[start : start + size + GUARD])
        return SimpleNamespace(ptr=whole.ctypes.data + start, mem=SimpleNamespace(size=size))
