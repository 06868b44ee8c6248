"""Files that are whole or absent, also after a power cut."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from pathlib import Path

from phasewell.errors import StorageError

TEMPORARY_PREFIX = ".tmp-"


def write_durably(path: Path, data: bytes) -> None:
    """Write a file through a temporary one in the same folder: write, fsync, rename, fsync the folder.

    A reader sees the old file or the new one, never a part. Raises StorageError naming the path and, when the disk
    is full, the free and needed bytes.
    """
    temporary = path.parent / f"{TEMPORARY_PREFIX}{os.getpid()}-{uuid.uuid4().hex}"
    try:
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    except OSError as error:
        raise storage_error(path, len(data), error) from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def storage_error(path: Path, needed_bytes: int, error: OSError) -> StorageError:
    """Return the StorageError for a failed write: what, where, why, and the remedy."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        space = os.statvfs(path.parent)
        if not space.f_favail and space.f_files:
            return StorageError(f"{path}: no inodes left on this file system; free some, then run the command again")
        free = shutil.disk_usage(path.parent).free
        return StorageError(
            f"{path}: disk full, {free} bytes free and {needed_bytes} needed; free space, then run the command again"
        )
    return StorageError(f"{path}: cannot be written ({error.strerror or error}); run the command again to resume")
