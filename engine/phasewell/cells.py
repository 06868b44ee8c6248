"""The cell table: twelve descriptors per cell, their units and their definitions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.errors import UsageError
from phasewell.plate import FrameKey

if TYPE_CHECKING:
    import pandas
    import pyarrow
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Descriptor:
    """One descriptor: column name, the paper's spelling, unit and definition in words."""

    name: str
    title: str
    unit: str  # "px2", "px", "level", "level2" or "1"
    definition: str


DESCRIPTORS: tuple[Descriptor, ...] = (
    Descriptor("area", "Area", "px2", "pixels of the label"),
    Descriptor("perimeter", "Perimeter", "px", "Crofton, 4 directions: pi/4 (h + v + (d1 + d2)/sqrt 2)"),
    Descriptor("length", "Length", "px", "4 sqrt(larger eigenvalue of the population covariance of pixel centres)"),
    Descriptor("breadth", "Breadth", "px", "4 sqrt(smaller eigenvalue of the same covariance)"),
    Descriptor("elliptical_form_factor", "EllipticalFormFactor", "1", "length / breadth; null when breadth is 0"),
    Descriptor("compactness", "Compactness", "1", "perimeter^2 / (4 pi area), not clipped"),
    Descriptor("contrast", "Contrast", "level2", "sum p (i - j)^2"),
    Descriptor("dissimilarity", "Dissimilarity", "level", "sum p |i - j|"),
    Descriptor("homogeneity", "Homogeneity", "1", "sum p / (1 + (i - j)^2)"),
    Descriptor("asm", "ASM", "1", "sum p^2"),
    Descriptor("energy", "Energy", "1", "sqrt(asm)"),
    Descriptor("correlation", "Correlation", "1", "sum p (i - mu)(j - mu) / var; 1 when var is 0"),
)
DESCRIPTOR_NAMES: tuple[str, ...] = tuple(d.name for d in DESCRIPTORS)

DEFINITIONS_ID = "phasewell-descriptors-1"
"""Names the formulas above and the co-occurrence rule: 32 levels of 8 grey values, distance 1 px, four angles
pooled, symmetric, both pixels in the same label, on the background-adjusted image. Goes into every output."""


@dataclass(frozen=True)
class Cells:
    """One row per cell of a batch, in the order frame, then label.

    `values` is (cells, 12) float64 in the order of DESCRIPTORS; NaN means undefined and becomes null in a table.
    `bbox_px` is (cells, 4): top, left, bottom, right, the last two exclusive. Centroids count pixel centres from 0.
    """

    frame: NDArray[np.int32]  # (cells,) index in the batch
    label: NDArray[np.int32]  # (cells,) 1.. within the frame
    centroid_y_px: NDArray[np.float64]
    centroid_x_px: NDArray[np.float64]
    bbox_px: NDArray[np.int32]
    values: NDArray[np.float64]
    n_frames: int
    pixel_size_um: float
    keys: tuple[FrameKey, ...] = ()

    def __post_init__(self) -> None:
        """Check that all columns have one row per cell."""
        n = len(self.label)
        shapes = (self.frame.shape, self.centroid_y_px.shape, self.centroid_x_px.shape, self.bbox_px.shape)
        if shapes != ((n,), (n,), (n,), (n, 4)) or self.values.shape != (n, len(DESCRIPTORS)):
            raise UsageError(f"cells: columns of {n} labels have shapes {shapes} and {self.values.shape}")

    def __len__(self) -> int:
        return len(self.label)

    def column(self, name: str) -> NDArray[np.float64]:
        """Return the values of one descriptor, (cells,) float64, NaN where undefined; raises UsageError."""
        if name not in DESCRIPTOR_NAMES:
            raise UsageError(f"no descriptor {name!r}; expected one of {', '.join(DESCRIPTOR_NAMES)}")
        return self.values[:, DESCRIPTOR_NAMES.index(name)]

    def to_arrow(self) -> pyarrow.Table:
        """Return an Arrow table with keys (where known), position and descriptors; undefined values are null."""
        import pyarrow as pa

        columns: dict[str, Any] = {}
        if self.keys:
            for part in FrameKey._fields:
                values = [getattr(key, part) for key in self.keys]
                columns[part] = pa.array(values).take(pa.array(self.frame))
        columns |= {"frame": self.frame, "label": self.label}
        columns |= {"centroid_y_px": self.centroid_y_px, "centroid_x_px": self.centroid_x_px}
        for i, side in enumerate(("top", "left", "bottom", "right")):
            columns[f"bbox_{side}_px"] = np.ascontiguousarray(self.bbox_px[:, i])
        for i, name in enumerate(DESCRIPTOR_NAMES):
            columns[name] = pa.array(self.values[:, i], from_pandas=True)
        metadata = {"definitions": DEFINITIONS_ID, "pixel_size_um": repr(self.pixel_size_um)}
        return pa.table(columns).replace_schema_metadata(metadata)

    def to_pandas(self) -> pandas.DataFrame:
        """Return `to_arrow` as a pandas frame; undefined values are NaN. Needs pandas installed."""
        return self.to_arrow().to_pandas()
