"""A small model that tests of inference share, and frames for it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from phasewell.inference import Model, make_untrained_model, read_model

FRAME_PX = (256, 320)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A densenet13 with three classes and a hidden layer, for frames of 256 x 320 px."""
    folder = tmp_path_factory.mktemp("models") / "small"
    return make_untrained_model(folder, "densenet13", 5, ("low", "middle", "high"), (16,), FRAME_PX)


@pytest.fixture
def pictures() -> Any:
    return np.random.default_rng(3).integers(0, 256, (5, FRAME_PX[0] // 4, FRAME_PX[1] // 4), np.uint8)


@pytest.fixture
def damaged(model: Model, tmp_path: Path) -> Callable[..., Path]:
    """Return a copy of the model with one file replaced; its card names the new digest where `forged` is true."""

    def make(name: str, data: bytes, forged: bool = False) -> Path:
        folder = Path(shutil.copytree(model.folder, tmp_path / "model"))
        (folder / name).write_bytes(data)
        if forged:
            card = json.loads((folder / "model.json").read_bytes())
            card["sha256"][name] = hashlib.sha256(data).hexdigest()
            (folder / "model.json").write_text(json.dumps(card))
            read_model(folder)
        return folder

    return make
