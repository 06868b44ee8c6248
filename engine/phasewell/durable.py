"""Files that are whole or absent, also after a kill or a power cut: the one way phasewell writes to disk."""

from __future__ import annotations

import contextlib
import errno
import glob
import json
import os
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phasewell.errors import InputError, StorageError
from phasewell.large_file import LargeFile

if TYPE_CHECKING:
    from numpy.typing import NDArray

PARTIAL = ".partial"


def temporary_beside(path: Path) -> Path:
    """Return a new name for the temporary file that will become `path`: hidden, in the same folder."""
    return path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}{PARTIAL}")


def find_temporaries(folder: Path) -> list[Path]:
    """Return the temporary files that lie in `folder`, in order of names."""
    return sorted(path for path in folder.glob(f".*{PARTIAL}") if not path.is_dir())


def clear_leftovers(path: Path) -> None:
    """Remove what writers of `path` that were killed on this machine left beside it; of those at work nothing."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*{PARTIAL}*"):
        number = left.name.removeprefix(f".{path.name}.").partition(".")[0]
        if number.isdecimal() and not _is_alive(int(number)):
            left.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # of another user
        return True
    return True


def replace_file(path: Path, pieces: bytes | Iterable[bytes | NDArray[Any]]) -> None:
    """Write the whole new content of `path`: temporary file, fsync, rename, fsync of the folder.

    Whoever reads sees the old file or the new one. Missing folders are made and made durable.
    Raises StorageError (disk full, I/O) with the old file untouched.
    """
    temporary = temporary_beside(path)
    written = len(pieces) if isinstance(pieces, bytes) else 0
    try:
        make_folder(path.parent)
        try:
            with temporary.open("xb", buffering=0) as stream:
                if isinstance(pieces, bytes):
                    _write_all(stream.fileno(), pieces)
                else:
                    large = LargeFile(stream.fileno())
                    for piece in pieces:
                        large.write(piece)
                        written = large.written
                    large.finish()
                os.fsync(stream.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    except OSError as error:
        raise write_failure(path, error, written) from error


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def read_object(path: Path, remedy: str) -> dict[str, Any]:
    """Return the JSON object of a file; raises InputError with the remedy when it cannot be read or is none."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error}); {remedy}") from error
    if not isinstance(document, dict):
        raise InputError(f"{path}: expected a JSON object, found {type(document).__name__}; {remedy}")
    return document


def remove_file(path: Path) -> None:
    """Remove a file durably, if it is there; raises StorageError when the system refuses."""
    try:
        path.unlink()
        sync_folder(path.parent)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise StorageError(f"{path}: cannot be removed ({error.strerror}); fix access") from error


def make_folder(folder: Path) -> None:
    """Make a folder and its parents, each made durable in its parent."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_failure(path: Path, error: OSError, needed_bytes: int | None = None) -> StorageError:
    """Return the StorageError of a failed write: what, where, why, what is free, and the remedy."""
    remedy = "then run the same command again"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        free, inodes = _free(path)
        if inodes == 0:
            return StorageError(f"{path}: no inodes left on this file system; free some, {remedy}")
        needed = "" if needed_bytes is None else f" and at least {needed_bytes} needed"
        return StorageError(f"{path}: disk full, {free} bytes free{needed}; free space, {remedy}")
    return StorageError(f"{path}: cannot be written ({error.strerror or error}); make room or fix access, {remedy}")


def _free(path: Path) -> tuple[int, int | None]:
    """Return free bytes and free inodes (None where the file system does not count them)."""
    for folder in path.parents:
        with contextlib.suppress(OSError):
            status = os.statvfs(folder)
            return shutil.disk_usage(folder).free, status.f_favail if status.f_files else None
    return 0, None
