"""A real frame with hand-drawn masks, bundled with the package: integers of every cell against plain NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from cell_samples import measure, read_hand_drawn
from skimage.feature import graycomatrix, graycoprops
from skimage.measure import regionprops_table

FIELDS = ["chamber-A_field-1_frame-01", "chamber-B_field-1_frame-01", "chamber-C_field-2_frame-01"]
ANGLES = (0, math.pi / 4, math.pi / 2, 3 * math.pi / 4)


@pytest.mark.parametrize("field", FIELDS)
def test_hand_drawn_cells_against_scikit_image(field: str) -> None:
    frame, labels = read_hand_drawn(field)
    cells = measure(frame, labels)
    names = ("label", "area", "perimeter_crofton", "axis_major_length", "axis_minor_length", "centroid", "slice")
    table = regionprops_table(labels, properties=names)
    assert cells.label.tolist() == table["label"].tolist()
    assert len(cells) > 20
    assert cells.column("area").tolist() == table["area"].tolist()
    for name, peer in zip(("perimeter", "length", "breadth"), names[2:5], strict=True):
        np.testing.assert_allclose(cells.column(name), table[peer], rtol=1e-9)
    np.testing.assert_allclose(cells.centroid_x_px, table["centroid-1"], rtol=1e-12)
    for k in range(0, len(cells), 5):
        window = table["slice"][k]
        inside = np.where(labels[window] == cells.label[k], frame[window] // 8, 32).astype(np.uint8)
        counts = graycomatrix(inside, [1], ANGLES, levels=33, symmetric=True).sum(axis=3, keepdims=True)
        for name in ("contrast", "dissimilarity", "homogeneity", "ASM", "energy", "correlation"):
            wanted = graycoprops(counts[:32, :32].astype(np.float64), name)[0, 0]
            assert cells.column(name.lower())[k] == pytest.approx(wanted, rel=1e-9), name
