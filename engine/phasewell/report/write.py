"""Write the report of a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from phasewell.durable import replace_file
from phasewell.errors import OutputError
from phasewell.plate import Plate
from phasewell.report.document import render
from phasewell.report.pages import compose
from phasewell.report.reading import read_content

REPORT_NAME = "report.html"


def write_report(
    run_dir: Path | str,
    output: Path | str | None = None,
    agreement: Mapping[str, Any] | None = None,
    plate: Plate | None = None,
) -> Path:
    """Write the report of a finished run as one HTML file that opens offline, and return its path.

    `output` defaults to report.html in the run folder. `agreement` are the scores against hand masks; they default to
    agreement.json of the run folder, where there is one. `plate` gives the frames of the gallery; it defaults to the
    store named in run.json. The same run gives the same bytes. Nothing is segmented or measured here.
    Raises OutputError before any work when the file cannot be made, InputError when the run is not finished or its
    files are damaged, StorageError when the disk is full.
    """
    run_dir = Path(run_dir)
    path = Path(output) if output is not None else run_dir / REPORT_NAME
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(None, "is a folder")
    except OSError as error:
        raise OutputError(f"{path}: the report cannot be made ({error.strerror}); give another output") from error
    page = render(compose(read_content(run_dir, agreement, plate)))
    replace_file(path, page.encode("utf-8"))
    return path
