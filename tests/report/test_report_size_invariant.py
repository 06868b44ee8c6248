"""A page of a whole screen stays under five megabytes, with real frames in it: their grain makes pages large."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any

import numpy as np
import pytest
from phasewell.plate import Field
from phasewell.report.contact_sheets import PictureFolder, SheetFile, inline_width, make_sheets
from phasewell.report.content import Content
from phasewell.report.document import render
from phasewell.report.gallery import Shot
from phasewell.report.pages import compose
from phasewell.report.size_density import size_densities
from PIL import Image

WELLS = tuple(f"{row}{column:02d}" for row in "ABCDEFGH" for column in range(1, 13))
FIELDS = tuple(f"f{i:02d}" for i in range(64))
HOURS = tuple(6.0 * i for i in range(1, 16))


class RealFrames:
    """Stands for a plate store and its labels: every frame is one of the bundled real ones, moved and cut out."""

    name = "screen"
    fields = tuple(Field(name, i // 8, i % 8) for i, name in enumerate(FIELDS))

    def __init__(self) -> None:
        folder = files("phasewell.demo") / "t98g"
        images = sorted(path.name for path in (folder / "images").iterdir())
        self.frames = [np.asarray(self._read(folder / "images" / name)) for name in images]
        self.frame_shape = self.frames[0].shape
        self.reader = self
        y, x = np.mgrid[: self.frame_shape[0], : self.frame_shape[1]]
        inside = ((y % 100 - 50) ** 2 + (x % 90 - 45) ** 2) < 30**2 + 200 * np.sin(x / 3 + y / 5)
        self.labels = np.where(inside, (y // 100) * 16 + x // 90 + 1, 0).astype(np.int32)

    @staticmethod
    def _read(path: Any) -> Any:
        with path.open("rb") as stream:
            return Image.open(stream).convert("L").copy()

    def pixels(self, shot: Shot) -> Any:
        seed = WELLS.index(shot.well) * 1000 + shot.time * 10 + FIELDS.index(shot.field)
        frame = self.frames[seed % len(self.frames)]
        return np.roll(frame, np.random.default_rng(seed).integers(0, 500, 2), (0, 1))

    def read(self, _shot: Shot) -> Any:
        """Return about a hundred labels with ragged outlines, as many as a full field has."""
        return self.labels


def test_96_wells_64_fields_15_hours_are_under_five_megabytes(
    make: Callable[..., Content], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(WELLS, HOURS, FIELDS, models=True, scores=("low", "high"), lost_share=0.02, pictures=8)
    store: Any = RealFrames()
    monkeypatch.setattr("phasewell.report.contact_sheets.read_pixels", lambda plate, shot: plate.pixels(shot))
    monkeypatch.setattr("phasewell.report.contact_sheets.inline_width", lambda _n_wells: inline_width(len(WELLS)))
    chosen: dict[str, Sequence[Sequence[Shot]]] = {
        well: [[Shot(well, time, field) for field in FIELDS[:4]] for time in (0, 14)] for well in WELLS[:12]
    }
    drawn = make_sheets(store, store, chosen, tuple(range(15)))
    sheets = tuple(dataclasses.replace(drawn[i % len(drawn)], well=WELLS[i // 2]) for i in range(2 * len(WELLS)))
    assert sum(len(sheet.tiles) for sheet in sheets) == 96 * 4 * 2
    assert all(sheet.outlines for sheet in sheets)
    rng = np.random.default_rng(0)
    areas = {(well, hour): rng.lognormal(7, 0.6, 400) for well in WELLS for hour in (6.0, 48.0, 90.0)}
    whole = dataclasses.replace(made, sheets=sheets, densities=size_densities(areas))
    named = {well: [SheetFile(t, f"t{t:03d}-0123456789", True, (0, 1, 2, 3)) for t in range(15)] for well in WELLS}
    page = render(compose(whole, PictureFolder(named, 8, (192, 192))))
    assert len(page.encode("utf-8")) < 5_000_000
