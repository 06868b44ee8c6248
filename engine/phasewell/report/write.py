"""Write the report of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from phasewell.manifest import read_manifest
from phasewell.plate import Plate
from phasewell.report.contact_sheets import write_pictures
from phasewell.report.document import prepare_output, write_page
from phasewell.report.gallery import open_labels
from phasewell.report.pages import compose
from phasewell.report.reading import read_content

REPORT_NAME = "report.html"


def write_report(
    run_dir: Path | str,
    output: Path | str | None = None,
    agreement: Mapping[str, Any] | None = None,
    plate: Plate | None = None,
    pictures: Literal["all", "inline"] = "all",
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write the report of a finished run as one HTML file that opens offline, and return its path.

    `output` defaults to report.html in the run folder. `agreement` are the scores against hand masks; they default to
    agreement.json of the run folder, where there is one. `plate` gives the frames of the gallery; it defaults to the
    store named in run.json. With `pictures` "all" every measured frame is in the folder NAME_files beside NAME.html;
    the page stands without it and then shows a few frames of every well. `progress` is called with the frames done
    and to do. The same run gives the same bytes. Nothing is segmented or measured here.
    Raises OutputError before any work when the file cannot be made, InputError when the run is not finished or its
    files are damaged, StorageError when the disk is full.
    """
    run_dir = Path(run_dir)
    if output is None:
        read_manifest(run_dir)  # before a folder is made: a mistyped run leaves none behind
    path = prepare_output(Path(output) if output is not None else run_dir / REPORT_NAME)
    content = read_content(run_dir, agreement, plate)
    folder = None
    if pictures == "all" and content.store is not None:
        labels, times = open_labels(run_dir, content.manifest), content.times
        folder = write_pictures(picture_folder(path), content.store, labels, content.frames, times, progress)
    return write_page(path, compose(content, folder))


def picture_folder(path: Path) -> Path:
    """Return the folder of a report's pictures; the page finds it by its own name."""
    return path.with_name(f"{path.stem}_files")
