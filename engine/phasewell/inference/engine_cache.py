"""Compiled engines between runs: kept per user, authentic or built again, and believed only after they computed.

Loading a compiled engine can run whatever is in it. So a file of the cache is opened only if its HMAC by this user's
secret is right; everything else about it (which GPU, versions, precision, weights) is in its key.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import stat
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.durable import make_folder, remove_file, replace_file
from phasewell.errors import InputError, SecurityError
from phasewell.inference.gate import TOLERANCES, largest_difference
from phasewell.state import state_folder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phasewell.inference.backends import RunPictures

_MARK = b"PWENG001"
_HEADER = struct.Struct("<8s32sQ")  # mark, HMAC-SHA256 of all that follows it, bytes of the document
_SECRET_BYTES = 32


class EngineCache:
    """A folder of engines, by default in this user's state folder; nobody else may read its secret."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or state_folder() / "engines"

    def path(self, key: Mapping[str, Any]) -> Path:
        """Return where the engine of a key lies."""
        return self.folder / f"{hashlib.sha256(_canonical(key)).hexdigest()}.engine"

    def read(self, key: Mapping[str, Any]) -> tuple[bytes, NDArray[np.float64]] | None:
        """Return an engine and the logits it made where it was built; None without an authentic one.

        Raises SecurityError where others may read or write the secret.
        """
        try:
            data = self.path(key).read_bytes()
        except FileNotFoundError:
            return None
        if len(data) < _HEADER.size:
            return None
        mark, code, length = _HEADER.unpack_from(data)
        if mark != _MARK or not hmac.compare_digest(code, self._code(data[40:])):
            return None
        document = json.loads(data[_HEADER.size : _HEADER.size + length])
        if _canonical(document["key"]) != _canonical(key):  # an authentic file under the name of another
            return None
        return data[_HEADER.size + length :], np.array(document["logits"], np.float64)

    def write(self, key: Mapping[str, Any], engine: bytes, logits: NDArray[Any]) -> None:
        """Keep an engine and the logits that it made."""
        document = _canonical({"key": dict(key), "logits": logits.astype(np.float64).tolist()})
        rest = struct.pack("<Q", len(document)) + document + engine
        replace_file(self.path(key), _MARK + self._code(rest) + rest)

    def drop(self, key: Mapping[str, Any]) -> None:
        """Forget an engine."""
        remove_file(self.path(key))

    def _code(self, rest: bytes) -> bytes:
        return hmac.digest(self._secret(), rest, "sha256")

    def _secret(self) -> bytes:
        path = self.folder / "secret"
        make_folder(self.folder)
        if not path.exists():
            own = path.with_name(f".secret.{os.getpid()}.{secrets.token_hex(4)}")
            descriptor = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                os.write(descriptor, secrets.token_bytes(_SECRET_BYTES))
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            with contextlib.suppress(FileExistsError):  # of another process: that one counts
                os.link(own, path)
            own.unlink()
        found = path.stat()
        if found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077:
            raise SecurityError(
                f"engine cache {path}: others may read or write it, so engines could be forged; remove the folder "
                f"{self.folder}, and engines are built again"
            )
        return path.read_bytes()


def open_engine(
    cache: EngineCache,
    key: Mapping[str, Any],
    pictures: Any,
    build: Callable[[], bytes],
    load: Callable[[bytes], RunPictures],
) -> RunPictures:
    """Return the engine of a key ready to run: the kept one if it still makes the logits it made, else a new one.

    `pictures` are shown to it, on the device. Raises InputError where a new engine makes logits that are not finite;
    else as `build` and `load`.
    """
    kept = cache.read(key)
    if kept is not None:
        engine, expected = kept
        with contextlib.suppress(InputError):  # of an engine that cannot be loaded: it is built again
            run = load(engine)
            found = run(pictures)
            if found.shape == expected.shape and largest_difference(found, expected) <= TOLERANCES["f32"]:
                return run
        cache.drop(key)
    engine = build()
    run = load(engine)
    logits = run(pictures)
    if not np.isfinite(logits).all():
        raise InputError(
            f"engine of {key.get('model', 'a model')}: logits are not finite; choose f32 or another backend"
        )
    cache.write(key, engine, logits)
    return run


def _canonical(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
