"""Which choices saliency takes where the paper is silent (paper K, items K21 and K22): recorded with every result."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Method = Literal["grad-cam++", "lrp", "visualbackprop"]
METHODS: tuple[Method, ...] = ("grad-cam++", "lrp", "visualbackprop")
"""The three methods of paper K, by the names that `explain` takes."""


class SaliencyRecipe(BaseModel):
    """How maps are made and turned into scores; the defaults are what the report shows."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    score: Literal["margin", "logit"] = "margin"
    """What is explained: the target's logit minus the mean of the others, or the target's logit alone. A softmax sees
    differences only: what adds the same to every logit changes no probability, yet would light up under "logit"."""
    convolutions: Literal["same-sign", "epsilon"] = "same-sign"
    """Relevance in convolutions. "same-sign": inputs share by the part that drives an output to the sign it has, which
    behind a ReLU is the z+ rule (alpha 1, beta 0); "epsilon": all parts share, as gradient times input does."""
    picture: Literal["bounded", "like others"] = "bounded"
    """The first convolution under "same-sign": "bounded" measures a pixel's part from the darkest and the brightest
    that it could be (the z-B rule), since a grey pixel scaled to 0 would have no part in anything."""
    epsilon: Annotated[float, Field(ge=0)] = 0.01
    """Stabiliser of the epsilon rule, as a share of the root mean square of a step's outputs in one picture."""
    upscale: Literal["ones", "mean"] = "ones"
    """VisualBackProp from a resolution to the finer one: transposed convolution with ones, as published, or divided by
    how many kernels cover a pixel, which takes away the lattice that strides leave."""
    negative: Literal["drop", "absolute", "keep"] = "drop"
    """Negative relevance before scaling: speaks against what is explained, so it counts as none; or by its size; or is
    kept, and then the least value of a map, not 0, becomes 0."""
    scaling: Literal["picture", "set"] = "picture"
    """Least and greatest value become 0 and 1 in each picture (paper K's "normalised"), or once over all pictures:
    by picture, even a map without evidence has a pixel of 1."""
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Scaled values below it count as 0 in pixel scores (paper K: 0.5)."""
