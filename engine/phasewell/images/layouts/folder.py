"""What lies in a source folder: every file once, links and special files named, nothing followed out of the root."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from phasewell.errors import InputError
from phasewell.names import one_line

IMAGE_SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp", ".gif")


@dataclass(frozen=True)
class SourceFile:
    """One file of the source: `name` relative to its root with `/`, `path` what to open (a link already resolved).

    `problem` is a reason why it cannot be read, known without opening it. Times and sizes are those of the walk.
    """

    name: str
    path: str
    size: int = 0
    mtime_ns: int = 0
    ctime_ns: int = 0
    problem: str | None = None

    @property
    def is_image(self) -> bool:
        """Whether the name ends like an image's."""
        return self.name.lower().endswith(IMAGE_SUFFIXES)

    @property
    def base(self) -> str:
        """The name without its folders."""
        return self.name.rpartition("/")[2]


@dataclass(frozen=True)
class Ignored:
    """A file that is no frame of this plate, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class SourceFolder:
    """All files below a root in name order, and what was left out on the way."""

    root: Path
    files: tuple[SourceFile, ...]
    ignored: tuple[Ignored, ...]


def printable(name: str) -> str:
    """Return a file name as one line of valid UTF-8: control characters and foreign bytes as escapes."""
    return one_line(os.fsencode(name).decode("utf-8", "backslashreplace"))


def walk_source(root: Path | str) -> SourceFolder:
    """List a source folder without opening a file in it; raises InputError when there is no such folder.

    Links to files inside the root are taken; links to folders, dangling links and links out of the root are left out.
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError(f"source {root}: no such folder; give the folder that holds the exported images")
    real_root = os.path.realpath(root)
    files: list[SourceFile] = []
    ignored: list[Ignored] = []
    pending = [""]
    while pending:
        prefix = pending.pop()
        try:
            with os.scandir(os.path.join(real_root, prefix)) as listing:  # noqa: PTH118 - names may be no UTF-8
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            if not prefix:
                raise InputError(
                    f"source {root}: cannot be listed ({error.strerror}); check its permissions"
                ) from error
            ignored.append(Ignored(prefix.rstrip("/"), f"folder cannot be listed: {error.strerror}"))
            continue
        for entry in entries:
            name = prefix + entry.name
            if entry.is_dir(follow_symlinks=False) and not entry.name.lower().endswith(IMAGE_SUFFIXES):
                pending.append(name + "/")
                continue
            found = _look(entry, name, real_root)
            (files if isinstance(found, SourceFile) else ignored).append(found)  # type: ignore[arg-type]
    files.sort(key=lambda file: file.name)
    ignored.sort(key=lambda item: item.name)
    return SourceFolder(root, tuple(files), tuple(ignored))


def _look(entry: os.DirEntry[str], name: str, real_root: str) -> SourceFile | Ignored:
    path = entry.path
    if entry.is_symlink():
        path = os.path.realpath(entry.path)
        if path != real_root and not path.startswith(real_root.rstrip("/") + "/"):
            return Ignored(name, "link out of the source folder")
        if os.path.isdir(path):  # noqa: PTH112
            return Ignored(name, "link to a folder")
    try:
        status = os.stat(path, follow_symlinks=False)  # noqa: PTH116
    except OSError:
        return Ignored(name, "link to nothing or to itself" if entry.is_symlink() else "vanished while listing")
    if stat.S_ISLNK(status.st_mode):
        return Ignored(name, "link to nothing or to itself")
    problem = None if stat.S_ISREG(status.st_mode) else "not_regular_file"
    return SourceFile(name, path, status.st_size, status.st_mtime_ns, status.st_ctime_ns, problem)
