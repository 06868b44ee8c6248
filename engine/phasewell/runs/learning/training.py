"""From a plate store to a model folder: pictures, lines, the three steps of training, and how well it did."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

from phasewell.durable import remove_file, replace_file
from phasewell.errors import OutputError, UsageError
from phasewell.images import open_plate
from phasewell.inference import Model, save_model, softmax
from phasewell.inference.model_file import CARD_NAME, TrainingRecord
from phasewell.learning import (
    SCRATCH,
    TrainingRecipe,
    choose_test_lines,
    evaluate_frames,
    fold_lines,
    frames_of,
    predict_pictures,
    train_network,
)
from phasewell.networks import check_network
from phasewell.runs.folder.code import training_code_version
from phasewell.runs.folder.lock import RunLock
from phasewell.runs.interruption import stop_on_signals
from phasewell.runs.learning.labelled_frames import FrameOptions, LabelledFrames, label_frames

if TYPE_CHECKING:
    from phasewell.config import ForeignConfig
    from phasewell.device import Device
    from phasewell.learning import Epoch, LabelledPictures, Trained
    from phasewell.plate import Plate

CHECKPOINT_NAME, EVALUATION_NAME = "training.safetensors", "evaluation.json"
_LARGE = ("roc", "softmax")  # of an evaluation: in its own file, not in the card


class LineRoles(NamedTuple):
    """Which lines teach, which choose the pass that is kept, and which no choice ever sees."""

    training: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


def train_model(
    plate: Path | str,
    output: Path | str,
    network: str = "densenet121",
    recipe: TrainingRecipe | None = None,
    weights: Path | str | None = None,
    *,
    test_lines: Iterable[str] | None = None,
    validation_lines: Iterable[str] | None = None,
    cache: Path | str | None = None,
    device: Device | str = "auto",
    foreign: ForeignConfig | None = None,
    frames_progress: Callable[[int, int], None] | None = None,
    progress: Callable[[Epoch], None] | None = None,
    **options: Unpack[FrameOptions],
) -> Model:
    """Train a network on the frames of a plate whose plate map names line and class, and write its model folder.

    `recipe` left out: the usual one of transfer learning with `weights` (a local file for the convolutions), SCRATCH
    without. `test_lines` and `validation_lines` left out: one of each class for both, chosen by the recipe's seed;
    empty: none, and without validation lines every pass of the recipe is made. The folder is evaluated on the test
    lines, else on the validation lines, and says which. `options` are those of `label_frames`: `line`, `class_`,
    `classes`, `frame_px`, `mode`, `window_h`. `cache` is a folder that keeps the pictures for other trainings.
    `frames_progress` is called with (units done, units), `progress` after every pass.
    The same call goes on where a killed one stopped. Raises OutputError when the folder holds a model, LockedError
    while another process works there, InterruptedRunError when it is told to stop; else as `label_frames`, `fold_lines`
    and `train_network`.
    """
    folder, opened = Path(output), open_plate(plate, foreign)
    _refuse_model(folder)
    recipe = recipe or (SCRATCH if weights is None else TrainingRecipe())
    check_network(network, 2, recipe.dense, recipe.dropout)
    with RunLock(folder) as lock, stop_on_signals() as stop:
        _refuse_model(folder)  # one that another process wrote while this one waited for the lock
        pictures_folder = Path(cache) if cache else folder
        frames = label_frames(
            opened, pictures_folder, device=device, progress=frames_progress, stop=stop.check, **options
        )
        roles = choose_roles(frames.pictures.class_of_line, recipe.seed, test_lines, validation_lines)
        pictures, checkpoint = frames.pictures, folder / CHECKPOINT_NAME
        trained = train_network(
            network,
            pictures,
            frames_of(pictures, roles.training),
            frames_of(pictures, roles.validation) if roles.validation else None,
            recipe,
            device,
            weights=weights,
            checkpoint=checkpoint,
            stop=stop.check,
            progress=progress,
        )
        model = write_trained(folder, opened, frames, roles, trained, device)
        remove_file(checkpoint)
        if cache is None and frames.path:
            remove_file(frames.path)
        lock.remove()
    return model


def _refuse_model(folder: Path) -> None:
    if (folder / CARD_NAME).exists():
        raise OutputError(f"model {folder}: holds a model already; choose another folder or remove that one")


def choose_roles(
    class_of_line: Mapping[str, int],
    seed: int = 0,
    test_lines: Iterable[str] | None = None,
    validation_lines: Iterable[str] | None = None,
) -> LineRoles:
    """Return the roles of lines: None = one of each class, chosen by the seed; empty = none.

    Raises UsageError for unknown lines and lines of two roles, InputError when too few lines of a class are there.
    """
    named = {"test": test_lines, "validation": validation_lines}
    given = {role: tuple(sorted(set(lines))) for role, lines in named.items() if lines is not None}
    if unknown := sorted({line for lines in given.values() for line in lines} - class_of_line.keys()):
        raise UsageError(f"line {unknown[0]}: not on the plate; it has {', '.join(sorted(class_of_line))}")
    if twice := sorted(set(given.get("test", ())) & set(given.get("validation", ()))):
        raise UsageError(f"line {twice[0]}: named for test and for validation; a line has one role")
    free = {line: place for line, place in class_of_line.items() if line not in given.get("validation", ())}
    left = 1 if "validation" in given else 2
    test = given["test"] if "test" in given else choose_test_lines(free, 1, seed, left)
    rest = {line: place for line, place in free.items() if line not in test}
    validation = given.get("validation")
    if validation is None:
        folds = min(list(rest.values()).count(place) for place in set(class_of_line.values()))
        validation = fold_lines(rest, max(folds, 2), (), seed)[0].held_out
    return LineRoles(tuple(sorted(rest.keys() - set(validation))), validation, test)


def write_trained(
    folder: Path, plate: Plate, frames: LabelledFrames, roles: LineRoles, trained: Trained, device: Device | str
) -> Model:
    """Write the model folder of a network that was taught on the frames of some lines, evaluated on the others.

    Raises OutputError when the folder holds a model.
    """
    evaluated_on = "test" if roles.test else "validation" if roles.validation else None
    evaluation = _evaluate(trained, frames.pictures, roles.test or roles.validation, device) if evaluated_on else None
    simulated = "simulated" in plate.provenance
    identity = trained.identity
    record = TrainingRecord(
        plate=plate.name,
        simulated=simulated,
        frames=frames.to_dict(),
        data_sha256=identity["data_sha256"],
        code_version=training_code_version(),
        recipe=identity["recipe"],
        weights_sha256=identity["weights_sha256"],
        precision=identity["precision"],
        device=identity["device"],
        training_lines=roles.training,
        validation_lines=roles.validation,
        test_lines=roles.test,
        passes=len(trained.history),
        best_epoch=trained.best_epoch,
        evaluated_on=evaluated_on,  # type: ignore[arg-type]
        evaluation={key: value for key, value in evaluation.items() if key not in _LARGE} if evaluation else None,
    )
    began = "weights of other pictures" if trained.pretrained else "He-normal weights"
    source = "simulated lines" if simulated else "lines"
    document = {"evaluated_on": evaluated_on, "evaluation": evaluation, "training": trained.to_dict()}
    data = json.dumps(document, indent=1, sort_keys=True, allow_nan=False) + "\n"
    replace_file(folder / EVALUATION_NAME, data.encode())
    card = {
        "network": trained.network_name,
        "classes": trained.classes,
        "dense": trained.recipe.dense,
        "dropout": trained.recipe.dropout,
        "pretrained": trained.pretrained,
        "origin": f"trained from {began} on {len(roles.training)} {source} of plate {plate.name}",
        "frame_px": frames.framing.window_px,
        "pixel_size_um": plate.pixel_size_um,
        "brightness": frames.mode,
        "mean": trained.mean,
        "std": trained.std,
        "training": record,
    }
    return save_model(folder, trained.network, card)


def _evaluate(
    trained: Trained, pictures: LabelledPictures, lines: tuple[str, ...], device: Device | str
) -> dict[str, Any]:
    chosen = frames_of(pictures, lines)
    probabilities = softmax(predict_pictures(trained.served(), pictures.pictures, chosen, device, "f32"))
    found = evaluate_frames(
        pictures.targets[chosen],
        probabilities,
        pictures.lines[chosen],
        pictures.classes,
        positive=len(pictures.classes) - 1,
    )
    return found.to_dict()
