"""The verb `status`: parse, call one function, print."""

from __future__ import annotations

from pathlib import Path

from phasewell.console import Json, show
from phasewell.errors import EXIT_DONE


def status(run: Path, *, json: Json = False) -> int:
    """Say how far a run is, from any shell that sees its folder."""
    from phasewell.runs import status as run_status

    report = run_status(run)
    show(report, "\n".join(f"{key}: {value}" for key, value in report.items()), json)
    return EXIT_DONE
