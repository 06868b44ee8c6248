"""Run by hand, never by the test suite: compare every network with timm's, and write what timm said.

    PYTHONPATH=FOLDER_WITH_TIMM python tests/networks/compare_timm.py

timm is no dependency: unpack the wheel timm 1.0.31 (and its safetensors, huggingface_hub, pyyaml) into a folder. What
timm imports of torchvision is replaced by stand-ins that none of these networks calls.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import torch
from phasewell.networks import NETWORKS, make_network
from phasewell.networks.network import HEAD
from phasewell.networks.weights import load_backbone
from safetensors.torch import save_file
from seeded_networks import PICTURE_PX, seeded_pictures, shaken_network

HERE = Path(__file__).parent
SHOWN = 12  # values of each picture that are recorded


def compare_file(path: Path, name: str, theirs: Any) -> None:
    """Take timm's own first weights from a file, head included, and compare the features."""
    save_file(theirs.state_dict(), path)
    ours = make_network(name)
    print(f"{name}: left out {', '.join(load_backbone(ours, name, path).dropped)}")
    features = theirs.features if name == "vgg19" else theirs.forward_features
    with torch.no_grad():
        assert torch.equal(features(seeded_pictures(*PICTURE_PX)), ours.features(seeded_pictures(*PICTURE_PX))), name


def main() -> None:
    """Write timm_keys.txt and timm_values.json; raise where a key, a shape or one bit of the features differs."""
    for name in (
        "",
        ".datasets",
        ".transforms",
        ".transforms.functional",
        ".ops",
        ".models",
        ".models.feature_extraction",
    ):
        sys.modules[f"torchvision{name}"] = MagicMock()
    misc = MagicMock()
    misc.FrozenBatchNorm2d = type("FrozenBatchNorm2d", (torch.nn.Module,), {})
    sys.modules["torchvision.ops.misc"] = misc
    import timm

    torch.set_num_threads(1)
    lines: list[str] = []
    values: dict[str, list[list[float]]] = {}
    for name, facts in NETWORKS.items():
        if facts.timm_name is None:
            continue
        theirs = timm.create_model(facts.timm_name).eval()
        ours = shaken_network(name)
        listed = {key: value for key, value in theirs.state_dict().items() if not key.startswith(facts.timm_head)}
        lines += [" ".join([name, key, *map(str, value.shape)]) for key, value in listed.items()]
        state = {key: value for key, value in ours.state_dict().items() if not key.startswith(HEAD)}
        assert {key: value.shape for key, value in state.items()} == {key: v.shape for key, v in listed.items()}, name
        with tempfile.TemporaryDirectory() as folder:
            compare_file(Path(folder) / f"{name}.safetensors", name, theirs)
        theirs.load_state_dict(state, strict=False)
        features = theirs.features if name == "vgg19" else theirs.forward_features
        with torch.no_grad():
            for size in (PICTURE_PX, (226, 306)):
                found = features(seeded_pictures(*size))
                assert torch.equal(found, ours.features(seeded_pictures(*size))), (name, size)
            values[name] = features(seeded_pictures(*PICTURE_PX)).mean((2, 3))[:, :SHOWN].tolist()
        print(f"{name}: {len(listed)} keys and shapes, features equal bit for bit")
    (HERE / "timm_keys.txt").write_text("\n".join(lines) + "\n")
    made = f"pooled features of timm {timm.__version__} by torch {torch.__version__}"
    rows = [f'  "{name}": {json.dumps(rows)}' for name, rows in values.items()]
    (HERE / "timm_values.json").write_text(f'{{"made": "{made}", "pooled": {{\n' + ",\n".join(rows) + "\n}}\n")


if __name__ == "__main__":
    main()
