"""A network of another shape than DenseNet's, exported and by OpenVINO: InceptionV3, whose branches lie side by side.

Frames are as small as it can take. `benchmarks/serving.py` holds all five to the same at full size.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from phasewell.device import Device
from phasewell.errors import UsageError
from phasewell.inference import frame_windows, make_untrained_model, open_session, scale_images
from phasewell.inference.gate import gate_pictures
from phasewell.inference.torch_backend import load_network
from phasewell.networks import NETWORKS

FRAME_PX = (304, 400)


@pytest.mark.slow
def test_openvino_equals_torch(tmp_path: Path) -> None:
    name = "inceptionv3"
    model = make_untrained_model(tmp_path / "model", name, frame_px=FRAME_PX)
    assert (model.card.mean, model.card.std) == (NETWORKS[name].mean, NETWORKS[name].std)
    pictures = gate_pictures(76, 100, seed=1)
    with torch.no_grad():
        scaled = scale_images(pictures, model.card.mean, model.card.std, "cpu")
        expected = load_network(model)(torch.from_numpy(scaled)).numpy()
    found = open_session(model, Device("cpu", threads=2), "f32", "openvino").scores(pictures)
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()
    with pytest.raises(UsageError, match="at least 75 px"):
        frame_windows(model.card, (296, 400), 0.87)


def test_frames_too_small_for_a_network(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least 75 px"):
        make_untrained_model(tmp_path / "model", "inceptionv3", frame_px=(256, 400))
    assert not (tmp_path / "model").exists()
