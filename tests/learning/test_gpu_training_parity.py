"""Training on a GPU: bf16 by itself, a checkpoint goes on, the weights come back, and both devices read them alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from phasewell.device import count_gpus
from phasewell.learning import LabelledPictures, TrainingRecipe, frames_of, predict_pictures, train_network
from phasewell.learning.training import Trained

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not count_gpus(), reason="no GPU is visible to CuPy")]


@pytest.mark.parametrize("precision", ["auto", "f32"])
def test_a_gpu_teaches(striped: LabelledPictures, short: TrainingRecipe, tmp_path: Path, precision: str) -> None:
    recipe = short.model_copy(update={"precision": precision, "dropout": 0.0, "tune_epochs": 8, "tune_rate": 1e-3})
    sides = frames_of(striped, ("H1", "H2", "L1", "L2")), frames_of(striped, ("H3", "L3"))
    path, passes = tmp_path / "course.safetensors", 0

    def stop_once() -> None:
        nonlocal passes
        passes += 1
        if passes == 20:
            raise KeyboardInterrupt

    def train(stop: Callable[[], None] | None = None) -> Trained:
        return train_network(
            "densenet13", striped, *sides, recipe, "cuda", checkpoint=path, stop=stop, checkpoint_interval_s=0
        )

    with pytest.raises(KeyboardInterrupt):
        train(stop_once)
    trained = train()
    assert trained.to_dict()["device"] == "cuda"
    assert trained.to_dict()["precision"] in (("f32",) if precision == "f32" else ("f32", "bf16"))
    assert {value.device.type for value in trained.network.state_dict().values()} == {"cpu"}
    served = trained.served()
    on_cpu = predict_pictures(served, striped.pictures, device="cpu", precision="f32")
    on_gpu = predict_pictures(served, striped.pictures, device="cuda", precision="f32")
    assert next(served.parameters()).device.type == "cpu"
    np.testing.assert_allclose(on_gpu, on_cpu, rtol=1e-3, atol=1e-3)
    assert (on_gpu.argmax(1) == striped.targets).mean() > 0.9
