"""How much of paper K is done: everything as published, or the smallest form in which every step runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from phasewell.errors import UsageError
from phasewell.learning import SCRATCH, TrainingRecipe
from phasewell.learning.search_space import SearchSpace

PAPER_NETWORKS = ("vgg19", "resnet50v2", "densenet121", "inceptionv3", "xception")
Count = Annotated[int, Field(ge=0)]
AtLeastOne = Annotated[int, Field(ge=1)]


class ReproductionScale(BaseModel):
    """What a reproduction does; every number that the paper's text gives is a default of the scale `paper`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str
    networks: Annotated[tuple[str, ...], Field(min_length=1)] = PAPER_NETWORKS
    """Networks to search and compare (K9)."""
    final: str | None = "densenet121"
    """The network that is retrained and tested: that of the paper's table 2 and figures 3 to 5. None: the one with the
    best search."""
    folds: Annotated[int, Field(ge=2)] = 3
    """Folds by line (K8)."""
    test_lines_per_class: AtLeastOne = 1
    """Lines of each class that no search and no fold sees (K7): the outer split of the tested network."""
    frames_per_line: AtLeastOne | None = 1530
    """At most so many frames of a line, evenly over its frames (K7: 1,530); None takes all."""
    frame_px: tuple[AtLeastOne, AtLeastOne] | None = None
    """At most this height and width of the middle of every frame is looked at; None takes whole frames."""
    trials: AtLeastOne = 80
    """Trials of each network's search (K13)."""
    other_methods: tuple[Literal["random", "grid"], ...] = ("random", "grid")
    """Searches of the final network to set beside the Bayesian one (K24)."""
    outer_trials: Count = 30
    """Trials of the searches that are judged by lines they never saw, in as many outer folds as there are lines of a
    class; 0 leaves this out. The paper has no such check: 30 is three times the random start of a search."""
    pretrained_recipe: TrainingRecipe = TrainingRecipe()
    """The initial recipe where there are weights of other pictures."""
    scratch_recipe: TrainingRecipe = SCRATCH
    """The initial recipe without such weights."""
    space: SearchSpace = SearchSpace()
    """What a search may change."""
    embedded_frames: AtLeastOne = 2000
    """At most so many test frames in a t-SNE map."""
    explained_frames: AtLeastOne = 200
    """At most so many true positives, and as many true negatives, whose maps are scored (K22)."""
    shown_frames: AtLeastOne = 3
    """True positives, and as many true negatives, whose maps are shown."""
    explained: Literal["predicted", "positive"] = "predicted"
    """What maps are asked: "predicted", what speaks for a frame's own class; "positive", what speaks for the positive
    class in both groups. The paper does not say."""
    rate_frames: AtLeastOne = 256
    """Frames of each timing of a network (K16)."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Of test lines, folds, searches, weights and everything else that is drawn."""

    @model_validator(mode="after")
    def _agrees(self) -> ReproductionScale:
        if len(set(self.networks)) < len(self.networks):
            raise ValueError(f"networks {self.networks}: one is named twice")
        return self

    @property
    def chosen_final(self) -> str | None:
        """The final network where it was chosen beforehand and is among the networks."""
        return self.final if self.final in self.networks else None

    def recipe(self, has_weights: bool) -> TrainingRecipe:
        """Return the initial recipe of a network, with the seed of the scale."""
        recipe = self.pretrained_recipe if has_weights else self.scratch_recipe
        return recipe.model_copy(update={"seed": self.seed})


_TINY: dict[str, Any] = {"dense": (16,), "tune_epochs": 1, "patience": 1, "batch": 8}
PAPER = ReproductionScale(name="paper")
SMOKE = ReproductionScale(
    name="smoke",
    frames_per_line=4,
    frame_px=(320, 320),  # pictures of 80 x 80 px: InceptionV3 needs 75 px a side
    trials=2,
    outer_trials=1,
    pretrained_recipe=TrainingRecipe(**{**_TINY, "head_epochs": 1}),
    scratch_recipe=SCRATCH.model_copy(update=_TINY),
    space=SearchSpace(dense_layers=(1, 2), dense_units=(8, 32), batch=(4, 8)),
    embedded_frames=100,
    explained_frames=4,
    shown_frames=1,
    rate_frames=16,
)
SCALES = {scale.name: scale for scale in (SMOKE, PAPER)}


def choose_scale(name: str, networks: Sequence[str] = (), seed: int | None = None) -> ReproductionScale:
    """Return a scale by name, for some networks only and of another seed where these are given.

    Raises UsageError for an unknown scale, a network named twice and a seed out of range.
    """
    if name not in SCALES:
        raise UsageError(f"scale {name!r}: expected one of {', '.join(SCALES)}")
    changed: dict[str, Any] = {"networks": tuple(networks)} if networks else {}
    changed |= {} if seed is None else {"seed": seed}
    try:
        return ReproductionScale.model_validate({**SCALES[name].model_dump(), **changed})
    except ValidationError as error:
        raise UsageError(f"scale {name}: {error.errors()[0]['msg']}") from error
