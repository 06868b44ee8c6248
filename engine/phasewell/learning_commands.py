"""The verbs `train` and `reproduce`: parse, call one function, print."""

from __future__ import annotations

import difflib
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import cyclopts
from cyclopts import Parameter

from phasewell.console import Json, Quiet, Set, show
from phasewell.errors import EXIT_DONE, UsageError

if TYPE_CHECKING:
    from phasewell.learning import Epoch, TrainingRecipe

reproduce_app = cyclopts.App(name="reproduce", help="Reproduce a paper whole, on a plate or on a finished run.")
Lines = Annotated[tuple[str, ...] | None, Parameter(consume_multiple=True, negative="")]


@Parameter(name="*")
@dataclass(frozen=True)
class FrameOptions:
    """Which frames teach, which judge, and what of each is looked at."""

    line: str = "line"
    "Column of the plate map that names the donor line; a line stands on one side of every split."
    class_: Annotated[str, Parameter(name="--class")] = "class"
    "Column of the plate map that names the class of the line."
    test_lines: Lines = None
    "Lines that only judge the model. Left out: one of each class."
    validation_lines: Lines = None
    "Lines that end the training early. Left out: one of each class."
    frame_px: tuple[int, int] | None = None
    "Height and width of the middle of every frame that is looked at. Left out: whole frames."
    window_h: tuple[float, float] | None = None
    "First and last hour of the frames, both inclusive."
    cache: Path | None = None
    "Folder that keeps the pictures for other trainings."


def train(
    store: Path,
    *,
    output: Path,
    network: str = "densenet121",
    weights: Path | None = None,
    options: FrameOptions = FrameOptions(),
    device: str = "auto",
    set_: Set = (),
    quiet: Quiet = False,
    json: Json = False,
) -> int:
    """Teach a network the classes of donor lines and write its model folder; the same command resumes.

    Keys of the recipe are set by --set recipe.KEY=VALUE, such as recipe.tune_epochs=20.

    Parameters
    ----------
    store
        Plate store whose plate map names line and class of its wells.
    output
        Folder for the model: its card, weights, ONNX graph and evaluation.
    network
        densenet121, another of the published networks, or a small one: densenet13, densenet19.
    weights
        Local file with weights of other pictures to begin from. Left out: the whole network is taught from random
        weights, and the model says pretrained: false.
    device
        cpu, cuda:N, or auto: the first GPU, else the CPU.
    """
    from phasewell.learning import SCRATCH, TrainingRecipe
    from phasewell.runs import train_model

    def tell(epoch: Epoch) -> None:
        if not quiet:
            print(_pass_text(epoch), file=sys.stderr)

    recipe = change_recipe(SCRATCH if weights is None else TrainingRecipe(), set_)
    model = train_model(store, output, network, recipe, weights, **vars(options), device=device, progress=tell)
    card = model.card.model_dump(mode="json")
    show({"model": str(model.folder), "sha256": model.sha256, "card": card}, _model_text(model), json)
    return EXIT_DONE


@reproduce_app.command(name="paper-k")
def paper_k(
    plate: Path,
    *,
    output: Path,
    scale: Literal["smoke", "paper"] = "smoke",
    network: tuple[str, ...] = (),
    weights: Path | None = None,
    device: str = "auto",
    seed: int | None = None,
    quiet: Quiet = False,
    json: Json = False,
) -> int:
    """Reproduce paper K: search, folds by line, retraining, test lines, tables and figures; the same command resumes.

    Parameters
    ----------
    plate
        Plate store whose plate map names `line` and `class` of its wells, such as `phasewell simulate --lines 8` makes.
    output
        Folder for everything that is made, and for the page paper-k.html.
    scale
        smoke: every step in the smallest form, minutes on a CPU. paper: 80 trials a network; for a GPU.
    network
        Only these networks. Left out: the five of the paper.
    weights
        Folder with NAME.safetensors or NAME.pth per network; a network without a file begins from random weights.
    device
        cpu, cuda:N, or auto: the first GPU, else the CPU.
    seed
        Of test lines, folds, searches and weights.
    """
    from phasewell.report.paper_k import write_paper_k
    from phasewell.runs.paper_k import choose_scale, reproduce_paper_k

    chosen = choose_scale(scale, networks=network, seed=seed)

    result = reproduce_paper_k(plate, output, chosen, weights=weights, device=device, say=_teller(quiet))
    page = write_paper_k(output)
    document = _reproduction_document(page, output, chosen.name)
    document |= {"networks": list(chosen.networks), "final": result["final"]["network"]}
    document["pretrained"] = {name: found["pretrained"] for name, found in result["networks"].items()}
    document["simulated"] = result["plate"]["simulated"]
    document["test"] = result["final"]["after"]["test"]["evaluation"]["metrics"]
    show(document, str(page), json)
    return EXIT_DONE


@reproduce_app.command(name="paper-r")
def paper_r(
    run: Path,
    *,
    output: Path,
    scale: Literal["smoke", "paper"] = "smoke",
    target: str | None = None,
    group: str | None = None,
    ledger: Path | None = None,
    workers: int = 1,
    scheduler: str | None = None,
    seed: int | None = None,
    set_: Set = (),
    quiet: Quiet = False,
    json: Json = False,
) -> int:
    """Reproduce paper R on a finished run: growth, sizes, PCA, models, grids, bootstraps; the same command resumes.

    It works on tables; images are opened for a few panels only. Keys of the scale are set by
    --set scale.KEY=VALUE, such as scale.deals=99.

    Parameters
    ----------
    run
        Folder of a finished run whose plate map names `clone` and `potency` of its wells, and `lot` of bulk wells.
    output
        Folder for everything that is made, and for the page paper-r.html.
    scale
        smoke: every step in the smallest form. paper: every window with every number of fields, minutes on two cores.
    target
        Column of the plate map that holds the potency. Left out: that of the run's configuration.
    group
        Column of the plate map that names the clone. Left out: that of the run's configuration.
    ledger
        CSV of passages. Left out: passages.csv of the plate store, where there is one.
    workers
        Processes for grids and bootstraps, by Dask; 1 computes everything here. The numbers are the same.
    scheduler
        Address of a running Dask scheduler, in place of workers of its own.
    seed
        Of fields, bootstraps, deals and forests.
    """
    from phasewell.report.paper_r import write_paper_r
    from phasewell.runs.paper_r import choose_scale, reproduce_paper_r

    chosen = choose_scale(scale, seed, set_)
    where: dict[str, Any] = {"target": target, "group": group, "ledger": ledger}
    result = reproduce_paper_r(run, output, chosen, **where, workers=workers, scheduler=scheduler, say=_teller(quiet))
    page = write_paper_r(output)
    lasso = result["steps"]["models"]["evaluations"]["lasso"]
    document = _reproduction_document(page, output, chosen.name)
    document |= {"simulated": result["material"]["simulated"]}
    document["lasso"] = {key: lasso[key] for key in ("rmse", "baseline_rmse", "q2", "verdict")}
    document["selected"] = result["steps"]["lasso_grid"]["selected"]
    show(document, str(page), json)
    return EXIT_DONE


def _teller(quiet: bool) -> Callable[[str], None]:
    """Return what is told of the steps of a reproduction: lines on stderr, or nothing."""

    def tell(line: str) -> None:
        if not quiet:
            print(line, file=sys.stderr)

    return tell


def _reproduction_document(page: Path, output: Path, scale: str) -> dict[str, Any]:
    from phasewell.manifest import REPRODUCTION_NAME

    return {"page": str(page), "result": str(output / REPRODUCTION_NAME), "scale": scale}


def change_recipe(base: TrainingRecipe, settings: tuple[str, ...]) -> TrainingRecipe:
    """Return a recipe with settings such as `recipe.tune_epochs=20` (values in TOML syntax) in place of its own.

    Raises UsageError naming the key, and the nearest one that there is.
    """
    from pydantic import ValidationError

    known = type(base).model_fields
    fields: dict[str, Any] = base.model_dump()
    for setting in settings:
        key, equals, text = setting.partition("=")
        section, _, name = key.strip().partition(".")
        if not equals or section != "recipe" or name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
            hint = f"did you mean recipe.{near[0]}?" if near else f"expected one of {', '.join(known)}"
            raise UsageError(f"--set {setting!r}: no such key of the recipe; {hint}")
        try:
            fields[name] = tomllib.loads(f"x={text}")["x"]
        except tomllib.TOMLDecodeError:
            fields[name] = text.strip()  # a bare word is text
    try:
        return type(base).model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "recipe"
        raise UsageError(f"--set recipe: {where}: {first['msg']}") from error


def _pass_text(epoch: Epoch) -> str:
    text = f"{epoch.step} pass {epoch.number}: loss {epoch.loss:.4f}, accuracy {epoch.accuracy:.3f}"
    if epoch.validation_loss is not None:
        text += f"; validation loss {epoch.validation_loss:.4f}, accuracy {epoch.validation_accuracy:.3f}"
    return text


def _model_text(model: Any) -> str:
    card, record = model.card, model.card.training
    lines = [f"{model.folder}: {card.network}, {card.origin}, pretrained: {str(card.pretrained).lower()}"]
    if record is not None and record.evaluation is not None:
        metrics = record.evaluation["metrics"]
        auc = "undefined" if metrics["auc"] is None else f"{metrics['auc']:.3f}"
        lines.append(f"on the {record.evaluated_on} lines: AUC {auc}, accuracy {metrics['accuracy']:.3f}")
    return "\n".join(lines)
