"""Weights from a file: convolutions alone are taken, exactly the keys that there are, and no pickle runs."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from phasewell.errors import InputError, SecurityError
from phasewell.networks import make_network
from phasewell.networks.network import HEAD
from phasewell.networks.weights import load_backbone
from safetensors.torch import save_file

State = dict[str, torch.Tensor]


@pytest.fixture
def state() -> State:
    """The weights of a densenet13 for 1000 classes, as timm would keep them."""
    return dict(make_network("densenet13", 1000, seed=7).state_dict())


def write(path: Path, state: State) -> Path:
    save_file({key: value.contiguous() for key, value in state.items()}, path)
    return path


@pytest.mark.parametrize("form", ["safetensors", "torch", "nested", "legacy"])
def test_convolutions_are_taken_and_the_head_is_not(state: State, tmp_path: Path, form: str) -> None:
    path = tmp_path / "weights"
    if form == "safetensors":
        write(path, state)
    else:
        content = {"epoch": 3, "state_dict": state} if form == "nested" else state
        torch.save(content, path, _use_new_zipfile_serialization=form != "legacy")
    network = make_network("densenet13", 2, (8,), seed=1)
    head = {key: value.clone() for key, value in network.state_dict().items() if key.startswith(HEAD)}
    loaded = load_backbone(network, "densenet13", path)
    assert loaded.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert loaded.dropped == ("classifier.bias", "classifier.weight")
    for key, value in network.state_dict().items():
        assert torch.equal(value, head[key] if key.startswith(HEAD) else state[key]), key


def test_counters_of_batch_norm_may_be_absent_and_halves_are_widened(state: State, tmp_path: Path) -> None:
    part = {key: value.half() for key, value in state.items() if not key.endswith("num_batches_tracked")}
    network = make_network("densenet13", 2)
    load_backbone(network, "densenet13", write(tmp_path / "half.safetensors", part))
    assert torch.equal(network.state_dict()["features.conv0.weight"], state["features.conv0.weight"].half().float())


@pytest.mark.parametrize(
    ("name", "timm_head"),
    [
        ("vgg19", ("head.fc.bias", "head.fc.weight", "pre_logits.fc1.weight")),
        ("resnet50v2", ("head.fc.bias", "head.fc.weight")),
        ("inceptionv3", ("AuxLogits.conv0.conv.weight", "fc.weight")),
        ("xception", ("fc.bias", "fc.weight")),
    ],
)
def test_heads_of_other_networks_are_left_out(name: str, timm_head: tuple[str, ...], tmp_path: Path) -> None:
    given = {key: value for key, value in make_network(name, seed=7).state_dict().items() if not key.startswith(HEAD)}
    network = make_network(name, 2, seed=1)
    path = write(tmp_path / "w.safetensors", given | {key: torch.ones(1) for key in timm_head})
    assert load_backbone(network, name, path).dropped == timm_head
    state = network.state_dict()
    assert all(torch.equal(state[key], value) for key, value in given.items())
    strange = write(tmp_path / "strange.safetensors", {**given, "classifiers.weight": torch.ones(1)})
    with pytest.raises(InputError, match=r"unknown key classifiers\.weight"):
        load_backbone(network, name, strange)


def _without(state: State) -> State:
    return {key: value for key, value in state.items() if key != "features.norm0.bias"}


def _cut(state: State) -> State:
    return {**state, "features.conv0.weight": state["features.conv0.weight"][:, :1]}


def _poisoned(state: State) -> State:
    return {**state, "features.norm5.weight": state["features.norm5.weight"] * float("nan")}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_without, r"lacks key features\.norm0\.bias \(1 such\)"),
        (lambda state: {**state, "features.extra": torch.ones(1)}, r"has an unknown key features\.extra"),
        (_cut, r"features\.conv0\.weight is torch\.float32 \(64, 1, 7, 7\); expected torch\.float32 \(64, 3, 7, 7\)"),
        (_poisoned, r"features\.norm5\.weight holds values that are not finite"),
        (
            lambda state: {**state, "features.norm0.bias": torch.ones(64, dtype=torch.int32)},
            r"norm0\.bias is torch\.int32",
        ),
    ],
)
def test_other_weights_are_refused(state: State, tmp_path: Path, change: Callable[[State], State], words: str) -> None:
    network = make_network("densenet13", 2)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    with pytest.raises(InputError, match=words):
        load_backbone(network, "densenet13", write(tmp_path / "w.safetensors", change(state)))
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_pickles_never_run(state: State, tmp_path: Path) -> None:
    network = make_network("densenet13", 2)
    mark = tmp_path / "mark"

    class Touch:
        def __reduce__(self) -> Any:
            return (Path.touch, (mark,))

    for name, write_it in (
        ("plain.pth", lambda path: path.write_bytes(pickle.dumps({"features.conv0.weight": Touch()}))),
        ("zip.pth", lambda path: torch.save({**state, "features.conv0.weight": Touch()}, path)),
    ):
        write_it(tmp_path / name)
        with pytest.raises(SecurityError, match=f"{name}: a pickle with more than tensors"):
            load_backbone(network, "densenet13", tmp_path / name)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"", "neither safetensors"), (b"GIF89a", "neither safetensors"), (b"PK\x03\x04junk", "damaged")],
)
def test_files_that_are_none(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(InputError, match=words):
        load_backbone(make_network("densenet13", 2), "densenet13", path)
    with pytest.raises(InputError, match="cannot be read"):
        load_backbone(make_network("densenet13", 2), "densenet13", tmp_path / "absent")


def test_a_torn_file_is_damaged(state: State, tmp_path: Path) -> None:
    path = write(tmp_path / "w.safetensors", state)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="damaged"):
        load_backbone(make_network("densenet13", 2), "densenet13", path)
