"""Files of a plate store: read within bounds, never followed out of the store, made all at once."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import stat
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from phasewell.durable import PARTIAL, find_temporaries, make_folder, sync_folder, write_failure
from phasewell.errors import InputError, LockedError, OutputError, SecurityError, StorageError

_STALE_S = 3600.0  # a temporary file this old belongs to a process that was killed
_MAX_DOCUMENT_BYTES = 64 << 20


def contained(root: Path, relative: str) -> Path:
    """Return `root/relative` after resolving links; raises SecurityError when that lies outside `root`."""
    path = root / relative
    resolved, inside = os.path.realpath(path), os.path.realpath(root)
    if resolved != inside and not resolved.startswith(inside.rstrip("/") + "/"):
        raise SecurityError(
            f"{path}: leads to {resolved}, outside the store {inside}; "
            "a store may not link or point out of itself, replace the link by the data"
        )
    return path


@contextlib.contextmanager
def open_regular(path: Path) -> Iterator[tuple[int, int]]:
    """Yield (file descriptor, bytes) of a regular file opened for reading.

    Raises FileNotFoundError, InputError for a folder, pipe or device, StorageError when the system refuses.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe must not block
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(error.errno, "no such file", str(path)) from error
    except OSError as error:
        raise StorageError(error.errno, f"{path}: cannot be opened ({error.strerror}); check permissions") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{path}: expected a regular file; ingest the frames again")
        yield descriptor, status.st_size
    finally:
        os.close(descriptor)


def read_document(path: Path) -> bytes:
    """Return the bytes of a metadata or records file; refuses more than 64 MiB. Errors as `open_regular`."""
    with open_regular(path) as (descriptor, size):
        if size > _MAX_DOCUMENT_BYTES:
            raise InputError(f"{path}: {size} bytes; expected metadata of at most {_MAX_DOCUMENT_BYTES}")
        return read_at(path, descriptor, size, 0)


def read_at(path: Path, descriptor: int, size: int, offset: int) -> bytes:
    """Return up to `size` bytes of an open file; raises StorageError when the disk refuses."""
    try:
        return os.pread(descriptor, size, offset)
    except OSError as error:
        raise _read_failure(path, error) from error


def read_into(path: Path, descriptor: int, buffers: Sequence[memoryview | bytearray], offset: int) -> int:
    """Fill `buffers` from an open file and return the bytes read; raises StorageError when the disk refuses."""
    try:
        return os.preadv(descriptor, buffers, offset)
    except OSError as error:
        raise _read_failure(path, error) from error


def _read_failure(path: Path, error: OSError) -> StorageError:
    return StorageError(error.errno, f"{path}: cannot be read ({error.strerror}); check the disk, then run again")


def sweep_partials(folder: Path) -> None:
    """Remove temporary files that a killed process left in `folder` more than an hour ago."""
    now = time.time()
    for path in find_temporaries(folder):
        with contextlib.suppress(FileNotFoundError):
            if now - path.stat().st_mtime > _STALE_S:
                path.unlink()


@contextlib.contextmanager
def locked(path: Path, busy: str, flags: int = os.O_RDONLY | os.O_DIRECTORY) -> Iterator[None]:
    """Hold the exclusive lock of a folder or file, which dies with the process; raises LockedError(busy).

    `flags` open it: by default a folder that is there.
    """
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LockedError(busy) from error
        yield
    finally:
        os.close(descriptor)


def locked_folder(folder: Path) -> contextlib.AbstractContextManager[None]:
    """Hold a folder's exclusive lock; raises LockedError when another process has it."""
    return locked(folder, f"{folder}: another process is changing it; wait for it and try again")


def install_folder(target: Path, files: dict[str, bytes]) -> None:
    """Make `target` appear at once with `files` (relative path -> content).

    Built in a hidden folder beside it and renamed; what a killed attempt left there is removed.
    Raises OutputError when `target` exists with content or cannot be made, LockedError when another is making it,
    StorageError when the disk is full or fails.
    """
    target = Path(os.path.abspath(target))  # noqa: PTH100 - resolve() would follow links
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise OutputError(f"{target}: exists and is not empty; append to it, or choose another path")
    staging = target.with_name(f".{target.name}{PARTIAL}")
    try:
        make_folder(target.parent)
        staging.mkdir(exist_ok=True)
        with locked_folder(staging):
            for leftover in staging.iterdir():
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
            _write_tree(staging, files)
            staging.rename(target)
        sync_folder(target.parent)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            raise write_failure(target, error, sum(map(len, files.values()))) from error
        raise OutputError(
            error.errno, f"{target}: cannot be made ({error.strerror}); choose a folder that can be written"
        ) from error


def _write_tree(folder: Path, files: dict[str, bytes]) -> None:
    folders = {folder}
    for relative, content in files.items():
        path = folder / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        folders.update(parent for parent in path.parents if parent.is_relative_to(folder))
        with path.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
    for name in sorted(folders, reverse=True):  # the deepest first
        sync_folder(name)
