"""What models said of a run that they were applied to: RUN/predictions/<model>.json, one document per model.

A document belongs to the run whose id it holds. When the folder came to hold another run it is stale: it is named, and
nothing in it is shown.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from phasewell.errors import InputError

FOLDER = "predictions"
REMEDY = "remove it and predict again"
_SHOWN_DIGITS = 12  # of a model's digest, in its name

_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class AppliedWell(_Kept):
    """One well, in units of the target: None is undefined, or an end that is infinite or was not made."""

    well: str
    predicted: float | None
    low: float | None
    high: float | None
    inside: bool
    reasons: tuple[str, ...]
    learned_from: bool


class AppliedModel(_Kept):
    """A model, how well it does on clones that it did not see, and what it says of every well of a run.

    `digest` is the SHA-256 of the model's manifest.json, which holds the digests of its files. `baseline` is the mean
    target of the wells it learned from. `target` and `group` name columns of the plate map.
    """

    document: Literal["phasewell-predictions-1"] = "phasewell-predictions-1"
    run_id: str
    kind: Annotated[str, Field(pattern=r"^[a-z_]+$")]
    digest: _Digest
    training_digest: str
    definitions: str
    plates: tuple[str, ...]  # learned from; empty where the model does not say
    target: str
    group: str
    window_h: tuple[float, float]
    n_wells: int
    n_groups: int
    rmse: float
    baseline_rmse: float
    q2: float
    baseline: float
    level: float
    sentence: str
    wells: tuple[AppliedWell, ...]

    @property
    def name(self) -> str:
        """The name of model and file: kind and first digits of the digest."""
        return name_of(self.kind, self.digest)

    def to_bytes(self) -> bytes:
        """Return the one form of the document as a file."""
        text = json.dumps(self.model_dump(mode="json"), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
        return (text + "\n").encode()


class Applied(NamedTuple):
    """The documents of a run folder: those of its run, and the names of those of a run that is no longer there."""

    models: tuple[AppliedModel, ...] = ()
    stale: tuple[str, ...] = ()

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


def _read(path: Path) -> AppliedModel:
    try:
        found = AppliedModel.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); {REMEDY}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(each) for each in first["loc"])
        raise InputError(f"{path}: no predictions of a model ({place}: {first['msg']}); {REMEDY}") from error
    if path.stem != found.name:
        raise InputError(f"{path}: holds the predictions of {found.name}; {REMEDY}")
    if len({row.well for row in found.wells}) < len(found.wells):
        raise InputError(f"{path}: holds a well twice; {REMEDY}")
    return found
