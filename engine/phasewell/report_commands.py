"""The verb `report`: parse, call one function, print."""

from __future__ import annotations

from pathlib import Path

from phasewell.console import Json, show
from phasewell.errors import EXIT_DONE


def report(run: Path, *, masks: Path | None = None, output: Path | None = None, json: Json = False) -> int:
    """Write the run's report: one HTML file that opens offline.

    Parameters
    ----------
    masks
        CSV with columns file, well, field, time, chamber: hand masks to measure the segmentation against.
    """
    from phasewell.report import write_report

    if masks is not None:
        from phasewell.runs import measure_agreement

        measure_agreement(run, masks)
    path = write_report(run, output=output)
    show({"report": str(path)}, str(path), json)
    return EXIT_DONE
