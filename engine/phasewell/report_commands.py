"""The verb `report`: parse, call one function, print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from phasewell.console import Json, Quiet, RunFolder, show
from phasewell.errors import EXIT_DONE, UsageError


def report(
    run: RunFolder,
    other: Path | None = None,
    *,
    compare: Annotated[bool, Parameter(negative="")] = False,
    masks: Path | None = None,
    output: Path | None = None,
    pictures: Literal["all", "inline"] = "all",
    quiet: Quiet = False,
    json: Json = False,
) -> int:
    """Write the run's report: one HTML file that opens offline; with --compare, of two runs side by side.

    Parameters
    ----------
    other
        With --compare: the run to set beside the first.
    compare
        Write what two runs have in common and where they differ.
    masks
        CSV with columns file, well, field, time, chamber: hand masks to measure the segmentation against.
    output
        The file to write. Left out: report.html in the run folder, comparison.html in the first one's.
    pictures
        all: every measured frame, in a folder beside the file. inline: only the few frames of every well that are in
        the file itself.
    """
    if compare != (other is not None):
        raise UsageError(
            "report: give two runs with --compare, as in phasewell report --compare RUN RUN, or one without"
        )
    if other is not None:
        if masks is not None:
            raise UsageError("report: --masks belongs to one run, not to --compare")
        from phasewell.report import write_comparison

        page = write_comparison(run, other, output)
        show({"comparison": str(page)}, str(page), json)
        return EXIT_DONE
    from phasewell.progress import bar, no_bar
    from phasewell.report import write_report

    if masks is not None:
        from phasewell.runs import measure_agreement

        measure_agreement(run, masks)
    with no_bar() if quiet else bar("report") as progress:
        path = write_report(run, output=output, pictures=pictures, progress=progress)
    show({"report": str(path)}, str(path), json)
    return EXIT_DONE
