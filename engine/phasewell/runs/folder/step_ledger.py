"""What is done of a reproduction: its folder says it, step by step."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from phasewell.durable import read_object, replace_file
from phasewell.errors import UsageError
from phasewell.manifest import REPRODUCTION_NAME, digest_json

IDENTITY_NAME = "reproduction.json"


class StepLedger:
    """The documents of a reproduction's steps, one JSON file each, written when the step is done.

    `identity` says what is reproduced on which data, `code` which code makes the steps. Raises UsageError when the
    folder holds another reproduction.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any], code: str) -> None:
        self.folder, self._code = folder, code
        self._steps = folder / "steps"
        path = folder / IDENTITY_NAME
        document = json.loads(json.dumps(identity, allow_nan=False))
        if path.exists():
            known = _read(path)
            if known != document:
                keys = [key for key in document if known.get(key) != document[key]] or sorted(known)
                raise UsageError(
                    f"output {folder}: holds another reproduction, which differs in {', '.join(keys)}; choose another "
                    "folder, or the same data, scale, seed and weights"
                )
        else:
            _write(path, document)
        self.identity_sha256 = digest_json(document)

    def once(self, name: str, make: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
        """Return the document of a step, made now unless it was made before.

        The code that made it stands beside it; a document of other code is kept, since steps take hours.
        """
        path = self._steps / f"{name}.json"
        if path.exists():
            document: dict[str, Any] = _read(path)["document"]
            return document
        made = json.loads(json.dumps(make(), allow_nan=False))
        _write(path, {"code": self._code, "document": made})
        found: dict[str, Any] = made
        return found

    def is_done(self, name: str) -> bool:
        """Return whether a step was made."""
        return (self._steps / f"{name}.json").exists()

    def code_versions(self) -> list[str]:
        """Return the versions of the code that made the steps."""
        return sorted({str(_read(path)["code"]) for path in self._steps.glob("*.json")})

    def finish(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """Write the result of all steps and return it as it is read back."""
        _write(self.folder / REPRODUCTION_NAME, result)
        found: dict[str, Any] = _read(self.folder / REPRODUCTION_NAME)
        return found

    def work(self, name: str) -> Path:
        """Return a place for what a step keeps while it is not done."""
        return self.folder / "work" / name


def _read(path: Path) -> dict[str, Any]:
    return read_object(path, "remove it, and the same command makes it again")


def _write(path: Path, document: Mapping[str, Any]) -> None:
    replace_file(path, json.dumps(document, indent=1, sort_keys=True, allow_nan=False).encode() + b"\n")
