"""Training: the same bits after a kill as without, only the head moves in its step, the best pass is kept."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from phasewell.errors import InputError, UsageError
from phasewell.learning import (
    DivergedError,
    LabelledPictures,
    TrainingRecipe,
    frames_of,
    predict_pictures,
    train_network,
)
from phasewell.learning.passes import Workplace, open_workplace
from phasewell.learning.teaching import Teaching
from phasewell.learning.training import Trained
from phasewell.networks import make_network
from phasewell.networks.pictures import PictureNetwork
from safetensors.torch import save_file

TRAINING, VALIDATION = ("H1", "H2", "L1", "L2"), ("H3", "L3")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Bits follow from the number of threads; one is fastest for so small a network."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def train(striped: LabelledPictures, recipe: TrainingRecipe, **more: Any) -> Trained:
    sides = frames_of(striped, TRAINING), frames_of(striped, VALIDATION)
    return train_network("densenet13", striped, *sides, recipe, "cpu", **more)


def _place() -> Workplace:
    return open_workplace("cpu", "f32")


def same(a: Trained, b: Trained) -> bool:
    first, second = a.network.state_dict(), b.network.state_dict()
    return a.to_dict() == b.to_dict() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.fixture(scope="module")
def whole(striped: LabelledPictures, short: TrainingRecipe) -> Trained:
    torch.set_num_threads(1)
    return train(striped, short)


def test_a_network_learns_stripes(striped: LabelledPictures) -> None:
    recipe = TrainingRecipe(dense=(), dropout=0, head_epochs=0, tune_epochs=8, tune_rate=2e-3, batch=8)
    trained = train(striped, recipe)
    logits = predict_pictures(trained.served(), striped.pictures, frames_of(striped, VALIDATION), "cpu")
    assert (logits.argmax(1) == striped.targets[frames_of(striped, VALIDATION)]).mean() >= 0.9
    assert trained.best_epoch is not None
    best = trained.history[trained.best_epoch]
    assert best.validation_loss == min(epoch.validation_loss or 0.0 for epoch in trained.history)
    shown = logits.astype(np.float64)[:, 1] - logits[:, 0]
    targets = striped.targets[frames_of(striped, VALIDATION)]
    by_hand = np.log1p(np.exp(np.where(targets == 1, -shown, shown))).mean()
    assert best.validation_loss == pytest.approx(by_hand, rel=1e-5)


def test_a_seed_gives_the_same_weights(striped: LabelledPictures, short: TrainingRecipe, whole: Trained) -> None:
    torch.manual_seed(99)  # the caller's numbers do not enter, and go on as if nothing had been drawn
    before = torch.get_rng_state()
    assert same(train(striped, short), whole)
    assert torch.equal(torch.get_rng_state(), before)
    other = train(striped, short.model_copy(update={"seed": 5}))
    assert not torch.equal(other.network.classifier.weight, whole.network.classifier.weight)


@pytest.mark.parametrize("passes", [1, 2, 3, 4])
def test_stopped_anywhere_it_ends_with_the_same_bits(
    striped: LabelledPictures, short: TrainingRecipe, whole: Trained, tmp_path: Path, passes: int
) -> None:
    batches = 0

    def stop() -> None:
        nonlocal batches
        batches += 1
        if batches > 5 + 3 * passes:  # 2 + 1 of reading features, then 3 in each pass: in the middle of one
            raise KeyboardInterrupt

    path = tmp_path / "course.safetensors"
    with pytest.raises(KeyboardInterrupt):
        train(striped, short, checkpoint=path, stop=stop, checkpoint_interval_s=0)
    seen: list[Any] = []
    resumed = train(striped, short, checkpoint=path, progress=seen.append, checkpoint_interval_s=0)
    assert 0 < len(seen) < len(whole.history)
    assert same(resumed, whole)
    ended: list[Any] = []
    assert same(train(striped, short, checkpoint=path, progress=ended.append), whole)
    assert not ended


def test_an_average_of_the_weights_is_judged_and_kept_and_survives_a_stop(
    striped: LabelledPictures, short: TrainingRecipe, whole: Trained, tmp_path: Path
) -> None:
    recipe = short.model_copy(update={"averaging": 0.9})
    averaged = train(striped, recipe)
    assert not torch.equal(averaged.network.classifier.weight, whole.network.classifier.weight)
    # what is learned from does not change: the loss while it is taught is the same in the first step
    assert [e.loss for e in averaged.history[:2]] == [e.loss for e in whole.history[:2]]
    assert [e.validation_loss for e in averaged.history] != [e.validation_loss for e in whole.history]
    batches, path = 0, tmp_path / "course.safetensors"

    def stop() -> None:
        nonlocal batches
        batches += 1
        if batches > 5 + 3 * 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(striped, recipe, checkpoint=path, stop=stop, checkpoint_interval_s=0)
    assert same(train(striped, recipe, checkpoint=path, checkpoint_interval_s=0), averaged)
    alone = train_network("densenet13", striped, frames_of(striped, TRAINING), None, recipe, "cpu")
    raw = train_network("densenet13", striped, frames_of(striped, TRAINING), None, short, "cpu")
    assert not torch.equal(alone.network.classifier.weight, raw.network.classifier.weight)


def test_the_average_is_the_one_that_is_described(striped: LabelledPictures) -> None:
    recipe = TrainingRecipe(dense=(), dropout=0, head_epochs=0, tune_epochs=2, tune_rate=1e-2, batch=8, averaging=0.5)
    seen: list[dict[str, torch.Tensor]] = []
    network = make_network("densenet13", 2, (), 0, recipe.seed)
    served = PictureNetwork(network, (0.5,) * 3, (0.5,) * 3)

    def look() -> None:  # before every batch: the weights that the step before it left
        seen.append({name: value.clone() for name, value in network.state_dict().items()})

    teaching = Teaching(
        served, striped, frames_of(striped, TRAINING), frames_of(striped, VALIDATION), recipe, _place(), look
    )
    optimiser = teaching.begin("tune")
    teaching.teach("tune", 1, optimiser)
    teaching.judge("tune")  # gives the weights back as they were
    teaching.teach("tune", 2, optimiser)
    look()
    for name in ("classifier.weight", "features.norm0.running_mean", "features.conv0.weight"):
        expected = seen[0][name].double()
        for done, state in enumerate(seen[1:]):
            keep = min(0.5, done / (done + 10))
            expected = keep * expected + (1 - keep) * state[name].double()
        torch.testing.assert_close(teaching.kept("tune")[name].double(), expected, rtol=1e-5, atol=1e-7)
        assert not torch.equal(teaching.kept("tune")[name], network.state_dict()[name])


_KILLED = """
import os, pickle, signal, sys
import torch
from phasewell.learning import train_network
torch.set_num_threads(1)
arguments, checkpoint, passes = pickle.load(open(sys.argv[1], "rb"))
seen = []
def progress(epoch):
    seen.append(epoch)
    if len(seen) == passes:
        os.kill(os.getpid(), signal.SIGKILL)
train_network(*arguments, "cpu", checkpoint=checkpoint, progress=progress, checkpoint_interval_s=0)
"""


def test_killed_it_ends_with_the_same_bits(
    striped: LabelledPictures, short: TrainingRecipe, whole: Trained, tmp_path: Path
) -> None:
    import pickle

    path, given = tmp_path / "course.safetensors", tmp_path / "given"
    sides = frames_of(striped, TRAINING), frames_of(striped, VALIDATION)
    given.write_bytes(pickle.dumps((("densenet13", striped, *sides, short), path, 3)))
    killed = subprocess.run([sys.executable, "-c", _KILLED, given], check=False)
    assert killed.returncode == -9
    (tmp_path / f".{path.name}.1.ab.partial").write_bytes(b"left by a kill while writing")
    assert same(train(striped, short, checkpoint=path), whole)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [path.name, "given"]


def test_only_the_head_moves_in_its_step(striped: LabelledPictures) -> None:
    recipe = TrainingRecipe(dense=(8,), head_epochs=3, tune_epochs=0, batch=8, seed=1)
    trained = train(striped, recipe)
    fresh = make_network("densenet13", 2, (8,), recipe.dropout, 1).state_dict()
    moved = {name for name, value in trained.network.state_dict().items() if not torch.equal(value, fresh[name])}
    assert moved == {"dense.0.weight", "dense.0.bias", "classifier.weight", "classifier.bias"}


@pytest.mark.parametrize("kept", ["adapt", "frozen"])
def test_statistics_of_batch_norm_move_only_when_asked(striped: LabelledPictures, kept: Any) -> None:
    recipe = TrainingRecipe(dense=(), head_epochs=0, tune_epochs=1, batch_norm=kept)
    state = train(striped, recipe).network.state_dict()
    at_rest = all(
        torch.equal(value, torch.zeros_like(value)) for name, value in state.items() if "running_mean" in name
    )
    assert at_rest == (kept == "frozen")


def test_patience_ends_a_step_and_the_best_pass_is_kept(striped: LabelledPictures) -> None:
    recipe = TrainingRecipe(dense=(), dropout=0, head_epochs=0, tune_epochs=40, tune_rate=1e-2, patience=2, batch=8)
    trained = train(striped, recipe)
    assert trained.best_epoch is not None
    assert len(trained.history) == trained.best_epoch + 1 + 2 < 40
    best = trained.history[trained.best_epoch]
    logits = predict_pictures(trained.served(), striped.pictures, frames_of(striped, VALIDATION), "cpu")
    assert (logits.argmax(1) == striped.targets[frames_of(striped, VALIDATION)]).mean() == best.validation_accuracy


def test_without_validation_every_pass_is_made(striped: LabelledPictures, short: TrainingRecipe) -> None:
    trained = train_network("densenet13", striped, frames_of(striped, TRAINING), None, short, "cpu")
    assert [(epoch.step, epoch.number) for epoch in trained.history] == [
        ("head", 1), ("head", 2), ("tune", 1), ("tune", 2), ("tune", 3),
    ]  # fmt: skip
    assert trained.best_epoch is None
    assert trained.to_dict()["pretrained"] is False
    assert all(epoch.validation_loss is None for epoch in trained.history)


def test_checkpoints_of_others_and_damaged_ones_are_refused(
    striped: LabelledPictures, short: TrainingRecipe, tmp_path: Path
) -> None:
    path = tmp_path / "course.safetensors"
    train(striped, short, checkpoint=path)
    with pytest.raises(UsageError, match="of another training: recipe is"):
        train(striped, short.model_copy(update={"l2": 0.1}), checkpoint=path)
    swapped = frames_of(striped, VALIDATION), frames_of(striped, TRAINING)
    with pytest.raises(UsageError, match="of another training: data_sha256 is"):
        train_network("densenet13", striped, *swapped, short, "cpu", checkpoint=path)
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="do not have the SHA-256"):
        train(striped, short, checkpoint=path)
    path.write_bytes(data[:100])
    with pytest.raises(InputError, match="damaged"):
        train(striped, short, checkpoint=path)


def test_what_cannot_be_taught_is_refused(striped: LabelledPictures, short: TrainingRecipe) -> None:
    with pytest.raises(InputError, match="line H1 has frames on both sides"):
        train_network("densenet13", striped, np.arange(0, 36, 2), np.arange(1, 36, 2), short, "cpu")
    tiny = LabelledPictures(striped.pictures[:, :9, :9], striped.lines, striped.targets, striped.classes, striped.keys)
    with pytest.raises(UsageError, match="pictures of 9 x 9 px; expected at least"):
        train(tiny, short)


def test_a_loss_that_is_not_finite_ends_it(
    striped: LabelledPictures, short: TrainingRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Teaching, "judge", lambda *_: (float("nan"), 0.5))
    with pytest.raises(DivergedError, match="not finite in pass 1 of step head; lower head_rate"):
        train(striped, short)


def test_bf16_rounds_the_work_and_not_the_weights(striped: LabelledPictures, whole: Trained) -> None:
    trained = train(striped, whole.recipe.model_copy(update={"precision": "bf16"}))
    assert trained.to_dict()["precision"] == "bf16"
    assert {value.dtype for value in trained.network.parameters()} == {torch.float32}
    assert trained.history[-1].loss != whole.history[-1].loss
    assert trained.history[-1].loss == pytest.approx(whole.history[-1].loss, rel=0.1)


def test_the_loss_and_l2_are_what_they_are_called(striped: LabelledPictures) -> None:
    """One step of Adam from rest moves each weight by its rate against the sign of gradient + l2 * weight."""
    frames = frames_of(striped, TRAINING)
    recipe = TrainingRecipe(
        dense=(), dropout=0, head_epochs=1, tune_epochs=0, head_rate=1e-3, l2=0.5, batch=len(frames), seed=3
    )
    trained = train_network("densenet13", striped, frames, None, recipe, "cpu")
    fresh = make_network("densenet13", 2, (), 0, 3)
    served = PictureNetwork(fresh, trained.mean, trained.std).eval()
    logits = served(torch.from_numpy(striped.pictures[frames]))
    loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(striped.targets[frames]))
    assert trained.history[0].loss == pytest.approx(loss.item(), rel=1e-5)
    weight, bias = fresh.classifier.weight, fresh.classifier.bias
    to_weight, to_bias = torch.autograd.grad(loss, (weight, bias))
    for name, value, gradient in (("weight", weight, to_weight + 0.5 * weight), ("bias", bias, to_bias)):
        moved = getattr(trained.network.classifier, name) - value
        clear = gradient.abs() > 1e-4  # Adam's epsilon counts for smaller ones
        assert clear.any()
        torch.testing.assert_close(moved[clear], -1e-3 * gradient.sign()[clear], rtol=1e-3, atol=1e-6)


def test_step_one_takes_the_convolutions_of_a_file(striped: LabelledPictures, tmp_path: Path) -> None:
    path, other = tmp_path / "others.safetensors", make_network("densenet13", 5, seed=11)
    save_file(other.state_dict(), path)
    recipe = TrainingRecipe(dense=(), head_epochs=1, tune_epochs=0)
    trained = train(striped, recipe, weights=path)
    assert trained.pretrained
    assert trained.to_dict()["weights_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert torch.equal(trained.network.features.conv0.weight, other.features.conv0.weight)
    with pytest.raises(InputError, match="cannot be read"):
        train(striped, recipe, weights=tmp_path / "absent.safetensors")
