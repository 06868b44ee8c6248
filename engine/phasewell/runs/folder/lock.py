"""One run per output folder: a kernel lock that dies with its process."""

from __future__ import annotations

import datetime
import errno
import fcntl
import json
import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from phasewell.durable import remove_file, temporary_beside
from phasewell.errors import LockedError, OutputError, StorageError

LOCK_NAME = "run.lock"
_WAIT_S = 0.5  # `is_locked` in another shell holds the lock for an instant


class RunLock:
    """The exclusive lock on a run folder, as a context manager; creates the folder.

    Raises OutputError when the folder cannot be created or written, StorageError when the disk is full, and
    LockedError naming process, host and start of the run that holds it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        self._descriptor = _open_lock(self.folder)
        deadline = time.monotonic() + _WAIT_S
        while not _try_lock(self._descriptor, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                holder = _describe_holder(self.folder)
                self._close()
                raise LockedError(f"{self.folder}: locked by another run ({holder}); wait for it or stop it")
            time.sleep(0.05)
        started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        text = json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "started": started})
        try:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, text.encode(), 0)
        except OSError as error:
            self._close()
            raise _output_error(self.folder, error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def remove(self) -> None:
        """Take the file away while the lock is held, from a folder that is whole and where nothing more is done.

        Whoever waits for the lock gets it on a file that is gone: they have to look again whether the work is done.
        """
        remove_file(self.folder / LOCK_NAME)

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def is_locked(folder: Path) -> bool:
    """True while a run holds the folder, as far as this machine can see its locks; creates nothing."""
    try:
        descriptor = os.open(folder / LOCK_NAME, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _try_lock(descriptor, fcntl.LOCK_SH)
    except OSError:  # a file share without locks
        return False
    finally:
        os.close(descriptor)


def lock_holder(folder: Path) -> dict[str, str | int]:
    """Return pid, host and start of the run that holds or last held the folder; empty when not known."""
    with suppress(OSError, ValueError):
        holder = json.loads((folder / LOCK_NAME).read_text())
        if isinstance(holder, dict):
            return holder
    return {}


def _describe_holder(folder: Path) -> str:
    holder = lock_holder(folder)
    return f"pid {holder.get('pid', '?')} on host {holder.get('host', '?')} since {holder.get('started', '?')}"


def _open_lock(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = temporary_beside(folder / "probe")
        probe.touch()
        probe.unlink()
        return os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise _output_error(folder, error) from error


def _output_error(folder: Path, error: OSError) -> OutputError | StorageError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
        return StorageError(f"{folder}: {error.strerror}; free space, then run the command again")
    return OutputError(
        f"{folder}: cannot be created or written ({error.strerror}); set run.output to a folder you may write"
    )


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
