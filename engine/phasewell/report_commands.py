"""The verb `report`: parse, call one function, print."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from phasewell.console import Json, Quiet, show
from phasewell.errors import EXIT_DONE


def report(
    run: Path,
    *,
    masks: Path | None = None,
    output: Path | None = None,
    pictures: Literal["all", "inline"] = "all",
    quiet: Quiet = False,
    json: Json = False,
) -> int:
    """Write the run's report: one HTML file that opens offline.

    Parameters
    ----------
    masks
        CSV with columns file, well, field, time, chamber: hand masks to measure the segmentation against.
    output
        The file to write. Left out: report.html in the run folder.
    pictures
        all: every measured frame, in a folder beside the file. inline: only the few frames of every well that are in
        the file itself.
    """
    from phasewell.progress import bar, no_bar
    from phasewell.report import write_report

    if masks is not None:
        from phasewell.runs import measure_agreement

        measure_agreement(run, masks)
    with no_bar() if quiet else bar("report") as progress:
        path = write_report(run, output=output, pictures=pictures, progress=progress)
    show({"report": str(path)}, str(path), json)
    return EXIT_DONE
