"""What cell populations look like: growth, sizes, principal components, round cells, passages, and tests on lots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phasewell.lazy import lazy_names

# public name -> module that defines it; loaded on first use, because SciPy is slow to import
_PUBLIC = {
    "Clouds": "phasewell.populations.cell_bootstrap",
    "Comparison": "phasewell.populations.comparison",
    "Components": "phasewell.populations.components",
    "Density": "phasewell.populations.density",
    "Growth": "phasewell.populations.growth",
    "Line": "phasewell.populations.regression",
    "PassageLedger": "phasewell.populations.passages",
    "RoundRule": "phasewell.populations.round_cells",
    "Sizes": "phasewell.populations.sizes",
    "bandwidth_nrd0": "phasewell.populations.density",
    "bootstrap_cells": "phasewell.populations.cell_bootstrap",
    "compare_lots": "phasewell.populations.comparison",
    "estimate_density": "phasewell.populations.density",
    "fit_components": "phasewell.populations.components",
    "fit_line": "phasewell.populations.regression",
    "measure_growth": "phasewell.populations.growth",
    "measure_sizes": "phasewell.populations.sizes",
    "read_passages": "phasewell.populations.passages",
    "write_passages": "phasewell.populations.passages",
}

__all__ = [
    "Clouds",
    "Comparison",
    "Components",
    "Density",
    "Growth",
    "Line",
    "PassageLedger",
    "RoundRule",
    "Sizes",
    "bandwidth_nrd0",
    "bootstrap_cells",
    "compare_lots",
    "estimate_density",
    "fit_components",
    "fit_line",
    "measure_growth",
    "measure_sizes",
    "read_passages",
    "write_passages",
]

if TYPE_CHECKING:
    from phasewell.populations.cell_bootstrap import Clouds, bootstrap_cells
    from phasewell.populations.comparison import Comparison, compare_lots
    from phasewell.populations.components import Components, fit_components
    from phasewell.populations.density import Density, bandwidth_nrd0, estimate_density
    from phasewell.populations.growth import Growth, measure_growth
    from phasewell.populations.passages import PassageLedger, read_passages, write_passages
    from phasewell.populations.regression import Line, fit_line
    from phasewell.populations.round_cells import RoundRule
    from phasewell.populations.sizes import Sizes, measure_sizes

__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
