"""The document of one bench run: written as one JSON file, read back and checked before it is compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from phasewell.bench.ceilings import Ceiling, Ceilings
from phasewell.bench.rows import Row
from phasewell.bench.verdict import Verdict
from phasewell.errors import EXIT_DONE, EXIT_INCOMPLETE, InputError, OutputError

_MOST_BYTES = 64 << 20


class BenchDocument(BaseModel):
    """Everything a bench run found: conditions, ceilings, rows and the verdict."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    schema_name: Literal["phasewell-bench-1"] = "phasewell-bench-1"
    quick: bool
    started_at: str
    seconds: float
    conditions: dict[str, Any]
    ceilings: tuple[Ceiling, ...]
    rows: tuple[Row, ...]
    verdict: Verdict
    remembered: str
    """Where `plan` finds these rates, or why they were not kept."""

    @property
    def limits(self) -> Ceilings:
        """The ceilings, to be asked by name."""
        return Ceilings(self.ceilings)

    @property
    def exit_code(self) -> int:
        """10 when a speed was refused because the results differ from the CPU's, else 0: a verdict is no failure."""
        return EXIT_INCOMPLETE if any(row.state == "refused" for row in self.rows) else EXIT_DONE

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document."""
        return self.model_dump(mode="json")


def write_document(document: BenchDocument, path: Path) -> None:
    """Write the document as JSON; raises OutputError when it cannot be made."""
    text = json.dumps(document.to_dict(), indent=1, allow_nan=False) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}); give another --output") from error


def read_document(path: Path) -> BenchDocument:
    """Read what `phasewell bench --json` or --output wrote; raises InputError naming what is wrong in it."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InputError(f"{path}: larger than any bench result; expected what `phasewell bench --output` wrote")
        return BenchDocument.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); make it with `phasewell bench --output`"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "document"
        raise InputError(
            f"{path}: not a bench result: {where}: {first['msg']}; make it with `phasewell bench --output {path.name}`"
        ) from error
