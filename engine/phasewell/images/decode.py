"""One source file -> the pixels of one frame, in a child process that is bounded in memory and time.

Decoders are foreign native code and files are foreign data: a crash, a bomb or a hang costs one frame, with a reason.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import select
import stat
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self, TypeVar

import numpy as np

from phasewell.images.headers import BadImageError, ImageHeader, png_chunks, read_header
from phasewell.images.tiff import decode_tiff

if TYPE_CHECKING:
    from numpy.typing import NDArray

MEMORY_FLOOR_BYTES = 256 << 20  # beside six times the frame: file, strips, pixels, and what the allocator keeps
MAX_FILE_BYTES = 1 << 30
DEFAULT_TIMEOUT_S = 30.0
_Result = TypeVar("_Result")
_PIPE_BYTES = 1 << 20  # what Linux lets everybody have
_CHILD_MAIN = "from phasewell.images.decode import serve; serve()"


@dataclass(frozen=True)
class DecodeJob:
    """Which file to decode and what it must be: (height, width) and dtype name of the plate.

    `page` is the image of a TIFF with several, from 0; None = there must be only one.
    """

    path: str
    shape: tuple[int, int]
    dtype: str
    page: int | None = None


@dataclass(frozen=True)
class Decoded:
    """The outcome of one job: pixels (height, width) of the asked dtype, or a reason and what was found."""

    pixels: NDArray[Any] | None
    reason: str | None = None
    detail: str = ""
    flags: tuple[str, ...] = ()


def open_regular(path: str) -> int:
    """Return a read-only descriptor of a regular file; never waits, never follows a link at the last step.

    Raises BadImageError: not_regular_file, permission_denied, unreadable.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError as error:
        raise BadImageError(_os_reason(error), f"cannot be opened: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise BadImageError("not_regular_file", "neither file nor link to a file")
    return descriptor


def _os_reason(error: OSError) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        return "permission_denied"
    return "not_regular_file" if error.errno in (errno.ELOOP, errno.ENXIO, errno.EISDIR) else "unreadable"


def inspect_file(path: str, page: int | None = None) -> ImageHeader:
    """Return the header of a file (of its image `page`) without reading pixels; raises BadImageError with a reason."""
    descriptor = open_regular(path)
    try:
        size = os.fstat(descriptor).st_size
        return read_header(lambda offset, count: os.pread(descriptor, count, offset), size, page)
    except OSError as error:
        raise BadImageError(_os_reason(error), f"cannot be read: {error.strerror}") from error
    finally:
        os.close(descriptor)


def digest_file(path: str) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal; raises BadImageError when it cannot be read."""
    descriptor = open_regular(path)
    with os.fdopen(descriptor, "rb") as file:
        try:
            return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise BadImageError(_os_reason(error), f"cannot be read: {error.strerror}") from error


def decode_file(job: DecodeJob) -> Decoded:
    """Decode one file in this process; never raises for what the file holds."""
    try:
        data = _read_stable(job.path)
        header = read_header(lambda offset, count: data[offset : offset + count], len(data), job.page)
        image, flags = _decode(data, header, job)
    except BadImageError as error:
        return Decoded(None, error.reason, error.detail)
    except MemoryError:
        return Decoded(None, "too_large", "needs more memory than one frame may take")
    except Exception as error:  # foreign code may raise anything; the reason is kept
        return Decoded(None, "bad_structure", f"{type(error).__name__}: {error}"[:500])
    return Decoded(image, None, "", flags)


def _read_stable(path: str) -> bytes:
    descriptor = open_regular(path)
    try:
        before = os.fstat(descriptor)
        if before.st_size > MAX_FILE_BYTES:
            raise BadImageError("too_large", f"{before.st_size} bytes; at most {MAX_FILE_BYTES}")
        chunks, length = [], 0
        while chunk := os.read(descriptor, min(1 << 24, before.st_size + 1 - length)):
            chunks.append(chunk)
            length += len(chunk)
            if length > before.st_size:
                break
        after = os.fstat(descriptor)
    except OSError as error:
        raise BadImageError(_os_reason(error), f"cannot be read: {error.strerror}") from error
    finally:
        os.close(descriptor)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or length != before.st_size:
        raise BadImageError("changed_during_read", f"{before.st_size} bytes, then {after.st_size}")
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _decode(data: bytes, header: ImageHeader, job: DecodeJob) -> tuple[NDArray[Any], tuple[str, ...]]:
    if header.shape != job.shape:
        raise BadImageError("wrong_size", f"{header.shape[0]} x {header.shape[1]}; expected {job.shape}")
    if header.dtype.startswith("float"):
        finite = header.predictor != 1 or bool(np.isfinite(decode_tiff(data, header)).all())
        reason = "wrong_dtype" if finite else "non_finite"
        raise BadImageError(reason, f"{header.dtype} pixels; expected {job.dtype}")
    if header.dtype != job.dtype:
        raise BadImageError("wrong_dtype", f"{header.dtype} pixels; expected {job.dtype}")
    image = decode_tiff(data, header) if header.format == "tiff" else _decode_png(data)
    flags = header.flags
    if header.samples == 3:
        if image.shape != (*job.shape, 3):
            raise BadImageError("bad_structure", f"decoded to {image.shape}")
        if not (image == image[..., :1]).all():
            raise BadImageError("not_grayscale", "RGB with different channels")
        image, flags = image[..., 0], (*flags, "rgb_collapsed")
    if image.shape != job.shape or image.dtype != job.dtype:
        raise BadImageError("bad_structure", f"decoded to {image.dtype} {image.shape}")
    return np.ascontiguousarray(image), flags


def _decode_png(data: bytes) -> NDArray[Any]:
    import imagecodecs

    for kind, _ in png_chunks(data):  # every checksum, and the end mark
        if kind in (b"tRNS", b"acTL"):
            reason = "not_grayscale" if kind == b"tRNS" else "unexpected_pages"
            raise BadImageError(reason, "PNG with transparency" if kind == b"tRNS" else "animated PNG")
    image: NDArray[Any] = imagecodecs.png_decode(data)
    return image


# ---- the child: requests on stdin, answers on stdout, both with a length in front ----


def serve() -> None:
    """Answer jobs from standard input until it closes; this is the whole life of a child."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not enter the answers
    import imagecodecs  # noqa: F401 - loaded before memory is bounded, so that the bound is for the data alone

    limit = 0
    while head := requests.read(4):
        request = json.loads(requests.read(struct.unpack("<I", head)[0]))
        job = DecodeJob(
            os.fsdecode(bytes.fromhex(request["path"])), tuple(request["shape"]), request["dtype"], request["page"]
        )
        frame_bytes = job.shape[0] * job.shape[1] * 2
        if (needed := 6 * frame_bytes + MEMORY_FLOOR_BYTES) > limit:
            limit = needed
            _bound_memory(limit)
        result = decode_file(job)
        answer = json.dumps([result.reason, result.detail, result.flags]).encode()
        answers.write(struct.pack("<I", len(answer)) + answer)
        if result.pixels is not None:
            answers.write(result.pixels.data.cast("B"))
        answers.flush()


def _bound_memory(extra_bytes: int) -> None:
    import resource

    with contextlib.suppress(OSError, ValueError):  # no /proc, or a system that cannot bound address space
        held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        soft = held + extra_bytes
        resource.setrlimit(resource.RLIMIT_AS, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


class _Child:
    """One decoding process and the two pipes to it."""

    def __init__(self) -> None:
        code = f"import sys; sys.path[:] = {sys.path!r}; {_CHILD_MAIN}"
        environment = dict(os.environ, OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")  # threads reserve memory
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        self.requests: BinaryIO = self.process.stdin  # type: ignore[assignment]
        self.answers = self.process.stdout.fileno()
        with contextlib.suppress(OSError):  # a frame in a few pieces instead of dozens
            fcntl.fcntl(self.answers, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._poll = select.poll()
        self._poll.register(self.answers, select.POLLIN)

    def ask(self, job: DecodeJob, timeout_s: float, memory: NDArray[Any] | None = None) -> Decoded:
        """Return the answer, its pixels in `memory` if given.

        Raises TimeoutError or EOFError, after which the child must be stopped.
        """
        request = {"path": os.fsencode(job.path).hex(), "shape": job.shape, "dtype": job.dtype, "page": job.page}
        body = json.dumps(request).encode()
        deadline = time.monotonic() + timeout_s
        try:
            self.requests.write(struct.pack("<I", len(body)) + body)
            self.requests.flush()
        except OSError as error:
            raise EOFError from error
        length = struct.unpack("<I", self._receive(bytearray(4), deadline))[0]
        reason, detail, flags = json.loads(bytes(self._receive(bytearray(length), deadline)))
        pixels = None
        if reason is None:
            pixels = np.empty(job.shape, job.dtype) if memory is None else memory
            self._receive(pixels.data.cast("B"), deadline)
        return Decoded(pixels, reason, detail, tuple(flags))

    def _receive(self, buffer: bytearray | memoryview, deadline: float) -> bytearray | memoryview:
        view, position = memoryview(buffer), 0
        while position < len(view):
            remaining_ms = (deadline - time.monotonic()) * 1000
            if remaining_ms <= 0 or not self._poll.poll(remaining_ms):
                raise TimeoutError
            count = os.readv(self.answers, [view[position:]])
            if count == 0:
                raise EOFError
            position += count
        return buffer

    def stop(self) -> None:
        """End the process now and free its pipes."""
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(OSError):
            self.requests.close()
        if self.process.stdout is not None:
            self.process.stdout.close()


class DecodePool:
    """Decodes files in `workers` children (0 = one per core); use it in a `with` block.

    A file that kills its child is tried once more in a fresh one, then costs itself (reason crash); a file that takes
    longer than `timeout_s` costs itself (reason timeout). Other files never notice.
    """

    def __init__(self, workers: int = 0, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        self.workers = workers or len(os.sched_getaffinity(0))
        self.timeout_s = timeout_s
        self._threads = ThreadPoolExecutor(self.workers, "decode")
        self._local = threading.local()
        self._children: list[_Child] = []
        self._lock = threading.Lock()
        self._closing = False

    def submit(self, job: DecodeJob) -> Future[Decoded]:
        """Queue one file and return a future of its outcome."""
        return self._threads.submit(self.decode, job)

    def call(self, function: Callable[..., _Result], *arguments: Any) -> Future[_Result]:
        """Queue a function on the pool's threads, one per child; it may call `decode`."""
        return self._threads.submit(function, *arguments)

    def decode(self, job: DecodeJob, memory: NDArray[Any] | None = None) -> Decoded:
        """Return the outcome of one file, its pixels in `memory` if given.

        Only on the pool's own threads, each of which has its child.
        """
        status: int | None = None
        for _ in range(2):
            if self._closing:
                break
            try:
                return self._child().ask(job, self.timeout_s, memory)
            except TimeoutError:
                self._drop_child()
                return Decoded(None, "timeout", f"longer than {self.timeout_s:g} s")
            except EOFError:
                status = self._drop_child()
        return Decoded(None, "crash", f"the decoder died twice on this file (status {status})")

    def _child(self) -> _Child:
        child: _Child | None = getattr(self._local, "child", None)
        if child is None:
            child = self._local.child = _Child()
            with self._lock:
                self._children.append(child)
        return child

    def _drop_child(self) -> int | None:
        child: _Child = self._local.child
        self._local.child = None
        with self._lock:
            self._children.remove(child)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.process.wait(0.5)  # a child that died by itself tells how; one that hangs is killed below
        child.stop()
        return child.process.returncode

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop every child; queued files are dropped."""
        self.close()

    def close(self) -> None:
        """Stop every child; queued files are dropped. Closing twice is fine."""
        self._closing = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            children = list(self._children)
        for child in children:
            child.process.kill()
        self._threads.shutdown(wait=True)
        for child in children:
            child.stop()
        with self._lock:
            self._children.clear()
