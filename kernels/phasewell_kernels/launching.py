"""Launches on a GPU: modules, streams, scratch memory and what is counted; `gpu` says what each kernel takes.

Every .cuh file is compiled once per device by the compiler that comes with CuPy. A launch computes one block per frame.
Scratch memory lies in shared memory where it is small and the chip has room, else in one arena per stream, which is
sized once and kept: after the first batch of a size nothing is allocated any more. CuPy is imported when a device is
opened, not with this module.
"""

from __future__ import annotations

import contextlib
import importlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from phasewell_kernels import cpu
from phasewell_kernels.failures import DeviceLost, OutOfMemory, told
from phasewell_kernels.sources import OPTIONS, entry_points, flat_source, typed_arguments

BLOCK_THREADS = 512
_ALIGNMENT = 256  # bytes, of the parts of an arena


@dataclass
class Counts:
    """What a device was asked to do so far; tests hold these numbers exactly."""

    launches: int = 0
    copies: int = 0
    """Between host and device, either way."""
    allocations: int = 0
    """Arenas, and tables kept on the device."""


class Shared(NamedTuple):
    """An argument that all frames share, so that a launch of fewer frames takes it whole."""

    array: Any


class Launcher:
    """Launches on one GPU: memory and streams are decided here. Threads may share it; each has streams of its own.

    Work goes to `stream`, by default the current one; nothing waits for it.
    `shared_bytes` and `scratch_bytes` lower the limits of this chip: shared memory of a block, and memory of an arena;
    what does not fit is launched in parts.
    Raises OutOfMemory, after which the stream has no arena any more, and DeviceLost, then and ever after.
    """

    def __init__(
        self,
        device: int = 0,
        *,
        shared_bytes: int | None = None,
        scratch_bytes: int | None = None,
        threads: int = BLOCK_THREADS,
        cupy: Any = None,
    ) -> None:
        self._cupy: Any = importlib.import_module("cupy") if cupy is None else cupy
        self._device = self._cupy.cuda.Device(device)
        self._threads = threads
        room = int(self._device.attributes["MaxSharedMemoryPerBlockOptin"])
        self._shared_bytes = room if shared_bytes is None else min(shared_bytes, room)
        memory = int(self._device.mem_info[1]) // 4
        self._scratch_bytes = memory if scratch_bytes is None else scratch_bytes
        self._modules: dict[str, Any] = {}
        self._functions: dict[tuple[str, int, int], _Function] = {}
        self._arenas: dict[int, Any] = {}  # by stream
        self._kept: dict[tuple[int, str], Any] = {}  # by stream and name
        self._tables: dict[bytes, Any] = {}
        self._busy: dict[int, threading.RLock] = {}  # by stream
        self._lost: DeviceLost | None = None
        self._lock = threading.RLock()
        self.counts = Counts()

    def put(self, array: Any, stream: Any = None) -> Any:
        """Return a host array on this GPU, in one copy."""
        with self.on(stream):
            self.counts.copies += 1
            return self._cupy.asarray(array)

    def get(self, array: Any, stream: Any = None) -> Any:
        """Return an array of this GPU in host memory, in one copy; waits for it."""
        with self.on(stream):
            self.counts.copies += 1
        with self._here(stream):
            return self._cupy.asnumpy(array)

    def empty(self, shape: Any, dtype: Any, stream: Any = None) -> Any:
        """Return a new array on this GPU, for the work of one stream."""
        with self.on(stream):
            self.counts.allocations += 1
            return self._cupy.empty(shape, dtype)

    def pinned(self, shape: int | tuple[int, ...], dtype: Any) -> Any:
        """Return a NumPy array in page-locked memory, which the GPU copies from and to by itself."""
        count = int(np.prod(shape, dtype=np.int64))
        with self.on(None):
            self.counts.allocations += 1
            memory = self._cupy.cuda.alloc_pinned_memory(max(1, count * np.dtype(dtype).itemsize))
        return np.frombuffer(memory, dtype, count).reshape(shape)

    def put_into(self, host: Any, array: Any, stream: Any = None) -> None:
        """Copy a host array into one of this GPU; from page-locked memory the copy is only asked for."""
        if host.dtype != array.dtype or host.shape != array.shape:
            raise ValueError(f"{host.dtype} {host.shape} into {array.dtype} {array.shape}: expected the same")
        if not (host.flags.c_contiguous and array.flags.c_contiguous):
            raise TypeError("copies between host and device are of C-contiguous arrays")
        with self.on(stream):
            self._copy(array_address(array), array_address(host), host.nbytes, "memcpyHostToDevice")

    def fetch_into(self, array: Any, host: Any, stream: Any = None) -> None:
        """Copy the first bytes of an array of this GPU into a host array; into page-locked memory it is asked for."""
        with self.on(stream):
            self._copy(array_address(host), array_address(array), host.nbytes, "memcpyDeviceToHost")

    def wait(self, stream: Any = None) -> None:
        """Wait for the work of a stream; other threads go on."""
        with self._here(stream):
            self._cupy.cuda.get_current_stream().synchronize()

    def new_stream(self) -> Any:
        """Return a stream whose work waits for nobody else's."""
        with self.on(None):
            return self._cupy.cuda.Stream(non_blocking=True)

    def release(self, stream: Any = None) -> None:
        """Give back the memory that is kept for a stream."""
        with self.on(stream):
            key = self._cupy.cuda.get_current_stream().ptr
            self._forget(key)

    def alone(self, stream: Any) -> Any:
        """Return the lock of a stream, for what asks and waits: threads that share the stream go one by one."""
        with self._here(stream):
            key = self._cupy.cuda.get_current_stream().ptr
        with self._lock:
            return self._busy.setdefault(key, threading.RLock())

    @contextlib.contextmanager
    def on(self, stream: Any) -> Any:
        """Make the device and a stream the current ones, for one thread at a time: what is asked for stays in order."""
        with self._lock, self._here(stream):
            try:
                with told(f"GPU {self._device.id}"):
                    yield
            except OutOfMemory:
                self._forget(self._cupy.cuda.get_current_stream().ptr)
                raise

    @contextlib.contextmanager
    def _here(self, stream: Any) -> Any:
        if self._lost is not None:
            raise DeviceLost(str(self._lost))
        try:
            device = self._cupy.cuda.Device(self._device.id)
            with told(f"GPU {self._device.id}"), device, stream if stream is not None else contextlib.nullcontext():
                yield
        except DeviceLost as lost:
            self._lost = lost
            raise

    def _forget(self, key: int) -> None:
        self._arenas.pop(key, None)
        for one in [one for one in self._kept if one[0] == key]:
            del self._kept[one]
        self._cupy.get_default_memory_pool().free_all_blocks()
        self._cupy.get_default_pinned_memory_pool().free_all_blocks()

    def _copy(self, target: int, source: int, size: int, kind: str) -> None:
        runtime = self._cupy.cuda.runtime
        self.counts.copies += 1
        runtime.memcpyAsync(target, source, size, getattr(runtime, kind), self._cupy.cuda.get_current_stream().ptr)

    def check(self, name: str, array: Any, dtype: Any, shape: tuple[int | None, ...]) -> tuple[int, ...]:
        """Return the shape of an array on this device; None in `shape` takes any size."""
        found = f"{name} {getattr(array, 'dtype', type(array).__name__)} {getattr(array, 'shape', '')}"
        if not isinstance(array, self._cupy.ndarray):
            raise TypeError(f"{found}: expected a CuPy array")
        if array.dtype != dtype or array.ndim != len(shape) or not array.flags.c_contiguous:
            raise TypeError(f"{found}: expected C-contiguous {np.dtype(dtype).name} with {len(shape)} axes")
        if array.size and array.device != self._device:
            raise TypeError(f"{found}: lies on {array.device}, expected {self._device}")
        if any(side is not None and side != size for side, size in zip(shape, array.shape, strict=True)):
            raise ValueError(f"{found}: expected shape {shape}")
        return tuple(int(size) for size in array.shape)

    def table(self, values: Any, stream: Any) -> Any:
        """Return a small host array on the device; equal ones are copied once and kept."""
        key = values.dtype.str.encode() + values.tobytes()
        with self.on(stream):
            if key not in self._tables:
                self._tables[key] = self.put(values)
                self._cupy.cuda.get_current_stream().synchronize()  # other streams will read it as well
                self.counts.allocations += 1
            return self._tables[key]

    def launch(
        self,
        name: str,
        arguments: tuple[Any, ...],
        frame: tuple[int, ...],
        stream: Any,
        *numbers: int,
        grid: Callable[[int], tuple[int, ...]] = lambda frames: (frames,),
        threads: int = 0,
        plane: int = 0,
    ) -> None:
        """Launch one block per frame of (frames, height, width), in parts where the scratch memory is not enough.

        `numbers` are the arguments of the entry point on which the size of that memory depends. `grid` gives the blocks
        for a number of frames, `threads` are those of a block; 0 = what suits most kernels. `plane` are the bytes of a
        plane that lies in shared memory behind the small scratch memory if both fit, else at the end of the large,
        which has room for it; the entry point's last parameter is its offset in shared memory, or -1.
        """
        count = frame[0]
        if not count:
            return
        with self.on(stream):
            function, strides, step = self._room(name, frame, numbers, plane)
            last = (function.plane,) if plane else ()
            arena = self._arena(step * sum(strides))
            places = (arena if strides[0] else 0, arena + step * strides[0] if strides[1] else 0)
            for first in range(0, count, step):
                frames = min(step, count - first)
                own = [_part(one, first, frames) for one in arguments]
                values = typed_arguments(name, [*own, *last], places, strides)
                function.kernel(grid(frames), (threads or self._threads,), values, shared_mem=function.shared)
                self.counts.launches += 1

    def reserve(self, frame: tuple[int, ...], *launches: tuple[str, tuple[int, ...], int]) -> None:
        """Make the current stream's arena large enough for launches of (frames, height, width): name, numbers, plane.

        So one allocation does for all of them.
        """
        needs = [self._room(name, frame, numbers, plane) for name, numbers, plane in launches]
        self._arena(max(step * sum(strides) for _, strides, step in needs))

    def _room(
        self, name: str, frame: tuple[int, ...], numbers: tuple[int, ...], plane: int
    ) -> tuple[_Function, tuple[int, int], int]:
        # the function, bytes of small and large scratch memory of a frame in the arena, and frames of one launch
        count, height, width = frame
        fast, large = cpu.scratch_bytes(name, height, width, numbers)
        function = self._function(name, fast, large, plane)
        strides = (0 if function.shared else round_up(fast), round_up(large))
        return function, strides, min(count, max(1, self._scratch_bytes // max(1, sum(strides))))

    def frames_at_once(self, name: str, height: int, width: int) -> int:
        """Return for how many frames one launch finds scratch memory."""
        return max(1, self._scratch_bytes // max(1, round_up(cpu.scratch_bytes(name, height, width)[1])))

    def keep(self, name: str, size: int, dtype: Any) -> Any:
        """Return an array of at least `size` that is kept for the current stream; it grows, and then is new."""
        return self._keep(name, size, lambda: self.empty(size, dtype))

    def keep_pinned(self, name: str, size: int) -> Any:
        """Return at least `size` bytes of page-locked memory that are kept for the current stream, as `keep`."""
        return self._keep(name, size, lambda: self.pinned(size, np.uint8))

    def _keep(self, name: str, size: int, make: Callable[[], Any]) -> Any:
        key = (self._cupy.cuda.get_current_stream().ptr, name)
        if key not in self._kept or len(self._kept[key]) < size:
            self._kept.pop(key, None)
            self._kept[key] = make()
        return self._kept[key]

    def _arena(self, size: int) -> int:
        # address of the current stream's scratch memory, which only ever grows; 0 where none is needed
        if not size:
            return 0
        key = self._cupy.cuda.get_current_stream().ptr
        if key not in self._arenas or self._arenas[key].mem.size < size:
            self._arenas.pop(key, None)
            self._arenas[key] = self._cupy.cuda.alloc(size)
            self.counts.allocations += 1
        return int(self._arenas[key].ptr)

    def _function(self, name: str, fast: int, large: int, plane: int) -> _Function:
        # the kernel that has `fast` bytes of scratch in shared memory, or none there if the chip lacks the room; where
        # the only arena is for `large` memory, there is no other place
        key = (name, fast, plane)
        if key not in self._functions:
            file = entry_points()[name].file
            if file not in self._modules:
                self._modules[file] = self._cupy.RawModule(code=flat_source(file), options=OPTIONS)
            kernel = self._modules[file].get_function(name)
            room = self._shared_bytes - kernel.shared_size_bytes
            arenas = sum(kind == "char*" for kind, _ in entry_points()[name].parameters)
            shared = fast if fast <= room or (large and arenas == 1) else 0
            offset = shared if 0 < shared <= room - plane else -1
            shared += plane if offset > 0 else 0
            kernel.max_dynamic_shared_size_bytes = max(kernel.max_dynamic_shared_size_bytes, shared)
            self._functions[key] = _Function(kernel, shared, offset)
        return self._functions[key]


class _Function(NamedTuple):
    kernel: Any
    shared: int  # bytes of dynamic shared memory
    plane: int  # offset of the plane in them, or -1


def _part(value: Any, first: int, frames: int) -> Any:
    # what some of the frames take of an argument
    if isinstance(value, Shared):
        return value.array
    return value[first : first + frames] if hasattr(value, "dtype") and value.ndim else value


def round_up(size: int) -> int:
    """Return the bytes that a part of an arena of `size` bytes takes."""
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def array_address(array: Any) -> int:
    """Return where the first element of an array lies, in host memory or on a GPU."""
    described = getattr(array, "__cuda_array_interface__", None) or array.__array_interface__
    return int(described["data"][0])
