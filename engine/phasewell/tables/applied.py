"""What models said of a run that they were applied to: RUN/predictions/<model>.json, one document per model.

A potency model predicts a number per well, a network a class with its probabilities. A document belongs to the run
whose id it holds. When the folder came to hold another run it is stale: it is named, and nothing in it is shown.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from phasewell.errors import InputError

FOLDER = "predictions"
REMEDY = "remove it and predict again"
_SHOWN_DIGITS = 12  # of a model's digest, in its name

_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class _Document(_Kept):
    """What the documents of all models say: whose they are, and where the model comes from.

    `digest` is the SHA-256 of the model's manifest.json or of a network's card: both hold the digests of its files.
    """

    run_id: str
    kind: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]  # of a network: which
    digest: _Digest
    training_digest: str | None  # SHA-256 of what it learned from; None where it does not say
    plates: tuple[str, ...]  # learned from; empty where the model does not say
    n_groups: int | None  # clones or lines learned from; None where it does not say
    pixel_size_um: float | None  # None: bound to no scale

    @property
    def name(self) -> str:
        """The name of model and file: kind and first digits of the digest."""
        return name_of(self.kind, self.digest)

    def to_bytes(self) -> bytes:
        """Return the one form of the document as a file."""
        text = json.dumps(self.model_dump(mode="json"), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
        return (text + "\n").encode()


class AppliedWell(_Kept):
    """One well, in units of the target: None is undefined, or an end that is infinite or was not made."""

    well: str
    predicted: float | None
    low: float | None
    high: float | None
    inside: bool
    reasons: tuple[str, ...]
    learned_from: bool


class AppliedModel(_Document):
    """A potency model, how well it does on clones that it did not see, and what it says of every well of a run.

    `baseline` is the mean target of the wells it learned from. `target` and `group` name columns of the plate map.
    """

    document: Literal["phasewell-predictions-2"] = "phasewell-predictions-2"
    training_digest: str
    definitions: str
    pixel_size_um: float
    seed: int
    parameters: dict[str, Any]
    versions: dict[str, str]
    target: str
    group: str
    window_h: tuple[float, float]
    n_wells: int
    n_groups: int
    n_columns: int  # of the profile that it uses
    validation: str
    rmse: float
    baseline_rmse: float
    q2: float
    p_sign_flip: float
    better_than_baseline: bool
    verdict: str
    n_selected: int | None  # columns with a coefficient other than 0; None where the kind does not choose
    baseline: float
    level: float
    sentence: str
    wells: tuple[AppliedWell, ...]


class AppliedScore(_Kept):
    """One well and class, as in the table `well_scores`."""

    well: str
    first_h: float
    last_h: float
    n_times: int
    class_name: str
    mean_probability: float | None
    sd_probability: float | None
    votes: int
    vote_share: float | None
    majority: bool | None
    n_scored: int
    n_expected: int
    coverage: float


class AppliedNetwork(_Document):
    """A network, who ran it, and its scores of every well of a run: one row per well and class, in plate order."""

    document: Literal["phasewell-network-scores-1"] = "phasewell-network-scores-1"
    classes: tuple[str, ...]
    pretrained: bool
    origin: str  # what the weights are, in the words of its card
    recipe: dict[str, Any] | None  # of its training; None where it does not say
    evaluated_on: str | None  # which lines its evaluation rests on; None without one
    code_version: str | None  # that trained it
    backend: str
    precision: str
    hardware: str
    mode: str  # of the brightness adjustment
    scores: tuple[AppliedScore, ...]

    @property
    def scored_by(self) -> dict[str, Any]:
        """Who scored and what the card says, as the manifest of a run that it scored has it."""
        names = ("backend", "precision", "hardware", "mode", "pretrained", "origin")
        found = {name: getattr(self, name) for name in names}
        return {"network": self.kind, "model_sha256": self.digest, **found, "classes": list(self.classes)}


AnyApplied = AppliedModel | AppliedNetwork
_DOCUMENT: TypeAdapter[AnyApplied] = TypeAdapter(Annotated[AnyApplied, Field(discriminator="document")])


class Applied(NamedTuple):
    """The documents of a run folder: those of its run, and the names of those of a run that is no longer there."""

    models: tuple[AnyApplied, ...] = ()
    stale: tuple[str, ...] = ()

    @property
    def potency(self) -> tuple[AppliedModel, ...]:
        """The potency models."""
        return tuple(model for model in self.models if isinstance(model, AppliedModel))

    @property
    def networks(self) -> tuple[AppliedNetwork, ...]:
        """The networks."""
        return tuple(model for model in self.models if isinstance(model, AppliedNetwork))

    def say_stale(self) -> str:
        """Return a sentence on what is not shown; empty when nothing is stale."""
        if not self.stale:
            return ""
        names = ", ".join(f"{FOLDER}/{name}.json" for name in self.stale)
        return f"Left out, because the run was made anew since: {names}; predict again, or remove them."


NO_APPLIED = Applied()


def name_of(kind: str, digest: str) -> str:
    """Return the name of an applied model: its kind and the first digits of its digest."""
    return f"{kind}-{digest[:_SHOWN_DIGITS]}"


def applied_path(run_dir: Path, name: str) -> Path:
    """Return where the predictions of a model are kept."""
    return run_dir / FOLDER / f"{name}.json"


def read_applied(run_dir: Path, run_id: str) -> Applied:
    """Return what is kept in a run folder, in order of names.

    Raises InputError naming the file when one is damaged or stands under another model's name.
    """
    models, stale = [], []
    for path in sorted((run_dir / FOLDER).glob("[!.]*.json")):
        found = _read(path)
        if found.run_id == run_id:
            models.append(found)
        else:
            stale.append(found.name)
    return Applied(tuple(models), tuple(stale))


def _read(path: Path) -> AnyApplied:
    try:
        found = _DOCUMENT.validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); {REMEDY}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(each) for each in first["loc"])
        raise InputError(f"{path}: no predictions of a model ({place}: {first['msg']}); {REMEDY}") from error
    if path.stem != found.name:
        raise InputError(f"{path}: holds the predictions of {found.name}; {REMEDY}")
    if isinstance(found, AppliedModel):
        rows = [(row.well, "") for row in found.wells]
    else:
        rows = [(row.well, row.class_name) for row in found.scores]
    if len(set(rows)) < len(rows):
        raise InputError(f"{path}: holds a well twice; {REMEDY}")
    return found
