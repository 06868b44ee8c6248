"""How much of paper R is done: everything as published, or the smallest form in which every step runs."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from phasewell.errors import UsageError

Count = Annotated[int, Field(ge=0)]
AtLeastOne = Annotated[int, Field(ge=1)]


class PaperRScale(BaseModel):
    """What a reproduction of paper R does; numbers that the paper's text gives are defaults of the scale `paper`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str
    last_h: Annotated[float, Field(gt=0)] = 90.0
    """Hours after this take no part (R1: 6 to 90 h of 120)."""
    grid_fields: AtLeastOne | None = None
    """How many of the field counts 1 .. all the LASSO grid takes, spread from 1 to all; None takes every one (R18)."""
    grid_draws: AtLeastOne = 50
    """Draws of fields of the LASSO grid, each a grid of its own; from 10 on the economy is stated as well."""
    deals: Count = 19
    """Times the whole grid of the first draw is repeated on potencies dealt out at random, for the p of its best cell;
    19 can reach 0.05."""
    forest_fields: AtLeastOne | None = 16
    """How many of the field counts the forest grid takes, closer together where they are few; None takes every one."""
    forest_trees: AtLeastOne = 100
    """Trees of a forest in the grid; R's randomForest has 500."""
    cell_bootstraps: AtLeastOne = 50
    """Bootstraps of single cells a condition and clone, for the PCA (R25)."""
    field_bootstraps: AtLeastOne = 50
    """Bootstraps of fields a clone, for the models (R23)."""
    bootstrap_hours: tuple[AtLeastOne, ...] = (1, 5, 10)
    """Hours of the windows of the bootstraps: 6, 6-30 and 6-60 h (R23); the longest window joins them (R24)."""
    bootstrap_fields: tuple[AtLeastOne, ...] = (15, 40, 60)
    """Fields of the bootstraps (R23)."""
    structure_hours: tuple[AtLeastOne, ...] = (1, 5, 10, 15)
    """Hours of the windows whose models are compared: 6, 6-30, 6-60 and 6-90 h (R21)."""
    shuffles: Count = 99
    """Shuffles of the potencies for the whole procedure on the full profile."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Of fields, bootstraps, deals and forests."""


PAPER = PaperRScale(name="paper")
SMOKE = PaperRScale(
    name="smoke",
    grid_fields=4,
    grid_draws=1,
    deals=4,
    forest_fields=2,
    forest_trees=20,
    cell_bootstraps=5,
    field_bootstraps=4,
    shuffles=4,
)
SCALES = {scale.name: scale for scale in (SMOKE, PAPER)}


def choose_scale(name: str, seed: int | None = None, settings: Sequence[str] = ()) -> PaperRScale:
    """Return a scale by name, with a seed and settings such as `scale.deals=99` in place of its own.

    Values are in TOML syntax; the word `all` is None. Raises UsageError for an unknown scale or key, naming the nearest
    key that there is, and for a value out of range.
    """
    if name not in SCALES:
        raise UsageError(f"scale {name!r}: expected one of {', '.join(SCALES)}")
    changed: dict[str, Any] = {} if seed is None else {"seed": seed}
    for setting in settings:
        key, equals, text = setting.partition("=")
        section, _, own = key.strip().partition(".")
        if not equals or section != "scale" or own not in PaperRScale.model_fields or own == "name":
            known = [field for field in PaperRScale.model_fields if field != "name"]
            near = difflib.get_close_matches(own, known, n=1, cutoff=0.4)
            hint = f"did you mean scale.{near[0]}?" if near else f"expected one of {', '.join(known)}"
            raise UsageError(f"--set {setting!r}: no such key of the scale; {hint}")
        changed[own] = _value(setting, text)
    if any(getattr(SCALES[name], key) != value for key, value in changed.items() if key != "seed"):
        changed["name"] = f"{name}, changed"  # what stands below every figure
    try:
        return PaperRScale.model_validate({**SCALES[name].model_dump(), **changed})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or name
        raise UsageError(f"scale {name}: {where}: {first['msg']}") from error


def _value(setting: str, text: str) -> Any:
    if text.strip() == "all":
        return None
    try:
        return tomllib.loads(f"x={text}")["x"]
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"--set {setting!r}: expected a value in TOML syntax, or all ({error})") from error
