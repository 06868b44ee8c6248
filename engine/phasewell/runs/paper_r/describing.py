"""The steps of paper R that describe populations, each from the material to one plain JSON document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from phasewell.runs.paper_r.describing_components import describe_clouds, describe_components
from phasewell.runs.paper_r.describing_growth import describe_growth, describe_passages, describe_spread
from phasewell.runs.paper_r.describing_pictures import describe_pictures
from phasewell.runs.paper_r.describing_sizes import describe_sizes

if TYPE_CHECKING:
    from phasewell.runs.paper_r.material import Material
    from phasewell.runs.paper_r.scale import PaperRScale

STEPS: dict[str, Callable[[Material, PaperRScale], Mapping[str, Any]]] = {
    "passages": lambda material, _: describe_passages(material),
    "growth": lambda material, _: describe_growth(material),
    "pictures": lambda material, _: describe_pictures(material),
    "sizes": lambda material, _: describe_sizes(material),
    "spread": lambda material, _: describe_spread(material),
    "components": lambda material, _: describe_components(material),
    "clouds": describe_clouds,
}
"""By name, in the order of the paper. A document with a `reason` says why the step has nothing to show."""
