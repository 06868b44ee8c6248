"""What a search may change in a training recipe, and how far (paper K, K13)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from phasewell.errors import UsageError
from phasewell.learning.recipe import TrainingRecipe
from phasewell.networks.building import MOST_DENSE_LAYERS, MOST_DENSE_UNITS

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Rates = tuple[Annotated[float, Field(gt=0, le=1)], Annotated[float, Field(gt=0, le=1)]]


class Parameter(NamedTuple):
    """One number that a search chooses, between `low` and `high`, both possible."""

    name: str
    low: float
    high: float
    logarithmic: bool
    whole: bool

    def at(self, share: float) -> float:
        """Return the value at a share, 0 up to 1, of the way; whole numbers, or their logarithms, have equal parts."""
        high = self.high + 1 if self.whole else self.high
        if self.logarithmic:
            value = math.exp(math.log(self.low) + share * (math.log(high) - math.log(self.low)))
        else:
            value = self.low + share * (high - self.low)
        value = min(max(value, self.low), self.high)
        return math.floor(value) if self.whole else value

    def distribution(self) -> BaseDistribution:
        """Return it in Optuna's words."""
        from optuna.distributions import FloatDistribution, IntDistribution

        if self.whole:
            return IntDistribution(int(self.low), int(self.high), log=self.logarithmic)
        return FloatDistribution(self.low, self.high, log=self.logarithmic)


class SearchSpace(BaseModel):
    """Ranges, ends included, of what a search chooses; None leaves a field as it is in the base recipe.

    Paper K has its ranges in a supplementary table that its text does not give: these are wide ones around the base.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    dense_layers: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(le=MOST_DENSE_LAYERS)]] | None = (1, 3)
    """Hidden layers after global average pooling; the paper's search "optimizes the dense layer structures"."""
    dense_units: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(le=MOST_DENSE_UNITS)]] | None = (64, 1024)
    """Units of the first hidden layer, each further one half as wide: one width to search instead of three."""
    dropout: tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(lt=1)]] | None = (0.0, 0.7)
    """Share of hidden values dropped."""
    l2: Rates | None = (1e-6, 1e-2)
    """L2 of the loss."""
    head_rate: Rates | None = (1e-4, 1e-2)
    """Adam's rate of the head; not searched where the base recipe has no pass for the head alone."""
    tune_share: Rates | None = (1e-3, 0.3)
    """tune_rate / head_rate: "fine-tuned at a reduced learning rate" holds for every choice."""
    tune_rate: Rates | None = (1e-4, 1e-2)
    """Adam's rate of the whole network, in place of tune_share where the base recipe has no pass for the head alone."""
    batch: tuple[Annotated[int, Field(ge=2)], Annotated[int, Field(le=4096)]] | None = (8, 64)
    """Pictures per step: powers of two between these powers of two."""

    @model_validator(mode="after")
    def _agrees(self) -> SearchSpace:
        for name, ends in self:
            if ends is not None and ends[0] > ends[1]:
                raise ValueError(f"{name}: {ends[0]} to {ends[1]}; expected the smaller end first")
        if (self.dense_layers is None) != (self.dense_units is None):
            raise ValueError("dense_layers and dense_units: both or neither is searched")
        if self.batch is not None and any(end & (end - 1) for end in self.batch):
            raise ValueError(f"batch: {self.batch}; expected powers of two, such as 8 and 64")
        return self

    def parameters(self, base: TrainingRecipe) -> tuple[Parameter, ...]:
        """Return what there is to choose for a base recipe; raises UsageError when that is nothing."""
        ends = dict(self)
        rates = ["head_rate"] if base.head_epochs else []
        if base.tune_epochs:
            rates.append("tune_share" if base.head_epochs else "tune_rate")
        found = []
        for name in ("dense_layers", "dense_units", "dropout", "l2", *rates):
            if ends[name] is not None:
                whole, logarithmic = name.startswith("dense"), name not in ("dense_layers", "dropout")
                low, high = ends[name]
                found.append(Parameter(name, low, high, logarithmic, whole))
        if self.batch is not None:
            low, high = (end.bit_length() - 1 for end in self.batch)
            found.append(Parameter("log2_batch", low, high, False, True))
        if not found:
            raise UsageError("search: nothing to choose; give at least one range of the search space")
        return tuple(found)

    def place_of(self, base: TrainingRecipe) -> dict[str, float] | None:
        """Return the choice that makes the base recipe itself; None where it lies outside the ranges."""
        ratio = base.tune_rate / base.head_rate
        values: dict[str, float] = {
            "dense_layers": len(base.dense),
            "dense_units": base.dense[0] if base.dense else 1,
            "dropout": base.dropout,
            "l2": base.l2,
            "head_rate": base.head_rate,
            # the one of neighbouring numbers whose product with head_rate rounds to tune_rate
            "tune_share": next(
                (
                    n
                    for n in (ratio, math.nextafter(ratio, 0), math.nextafter(ratio, 1))
                    if n * base.head_rate == base.tune_rate
                ),
                ratio,
            ),
            "tune_rate": base.tune_rate,
            "log2_batch": base.batch.bit_length() - 1,
        }
        parameters = self.parameters(base)
        chosen = {parameter.name: values[parameter.name] for parameter in parameters}
        within = all(parameter.low <= chosen[parameter.name] <= parameter.high for parameter in parameters)
        return chosen if within and self.recipe(chosen, base) == base else None

    def recipe(self, chosen: Mapping[str, Any], base: TrainingRecipe) -> TrainingRecipe:
        """Return the base recipe with the chosen numbers in it; raises UsageError when they do not go together."""
        fields = base.model_dump() | {name: chosen[name] for name in ("dropout", "l2") if name in chosen}
        if "dense_layers" in chosen:
            fields["dense"] = tuple(max(chosen["dense_units"] >> k, 1) for k in range(chosen["dense_layers"]))
        if "head_rate" in chosen:
            fields["head_rate"] = chosen["head_rate"]
        if "tune_share" in chosen:
            fields["tune_rate"] = fields["head_rate"] * chosen["tune_share"]
        if "tune_rate" in chosen:
            fields["tune_rate"] = chosen["tune_rate"]
        if "log2_batch" in chosen:
            fields["batch"] = 2 ** chosen["log2_batch"]
        try:
            return TrainingRecipe(**fields)
        except ValidationError as error:
            message = error.errors()[0]["msg"]
            raise UsageError(
                f"search: {dict(chosen)} on the base recipe: {message}; narrow the search space"
            ) from error


def grid_points(parameters: tuple[Parameter, ...], most: int) -> list[dict[str, float]]:
    """Return the whole grid with as many levels as `most` points allow, given to the parameters in turn.

    Levels stand in the middle of equal parts of the range: two at a quarter and three quarters, one in the middle. 80
    points and six or seven parameters make 64 points, two levels for six of them: a grid has no other use for the rest.
    """
    levels = [1] * len(parameters)
    grown = True
    while grown:
        grown = False
        for place, parameter in enumerate(parameters):
            more = [*levels[:place], levels[place] + 1, *levels[place + 1 :]]
            room = not parameter.whole or levels[place] <= parameter.high - parameter.low
            if parameter.low < parameter.high and room and math.prod(more) <= most:
                levels, grown = more, True
    axes = [  # a whole number stands once, where two parts of a logarithmic range share it
        dict.fromkeys(parameter.at((k + 0.5) / count) for k in range(count))
        for parameter, count in zip(parameters, levels, strict=True)
    ]
    names = [parameter.name for parameter in parameters]
    return [dict(zip(names, values, strict=True)) for values in itertools.product(*axes)]
