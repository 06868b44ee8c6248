"""Runs the notebooks of docs/notebooks from top to bottom and keeps what they print: `make notebooks`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

NOTEBOOKS = Path(__file__).parent / "notebooks"
VARIES = "varies"
"""Tag of a cell whose output depends on the machine or its load."""


def run_notebook(path: Path, folder: Path) -> Any:
    """Return the notebook as it is after running in `folder`; raises CellExecutionError with the cell that failed."""
    import nbformat
    from nbclient import NotebookClient
    from traitlets.config import Config

    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        config=Config({"KernelManager": {"transport_encryption": "auto"}}),  # nobody else on this host listens
    ).execute()
    return notebook


def outputs_of(notebook: Any) -> list[str]:
    """Return the text that every cell printed or showed; of cells that vary only that they did, of pictures too."""
    found = []
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        texts = []
        for output in cell.outputs:
            data = output.get("data", {})
            texts.append("<picture>" if "image/png" in data else output.get("text", data.get("text/plain", "")))
        varies = VARIES in cell.metadata.get("tags", [])
        found.append(f"<{len(texts)} outputs>" if varies else "".join(texts))
    return found


def main() -> None:
    """Write every notebook with its outputs, without times and without the names of this machine."""
    import nbformat

    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        with tempfile.TemporaryDirectory() as folder:
            notebook = run_notebook(path, Path(folder))
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)
        notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
        nbformat.write(notebook, path)
        print(path, file=sys.stderr)


if __name__ == "__main__":
    main()
