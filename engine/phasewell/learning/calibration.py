"""Whether a probability means what it says: reliability, expected calibration error, temperature."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from phasewell.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

BINS = 10
LEAST_TEMPERATURE, MOST_TEMPERATURE = 0.01, 100.0
_LEAST_PROBABILITY = 1e-300  # of float64 softmax: a logit 745 below the largest becomes 0, and its logarithm endless


@dataclass(frozen=True)
class ReliabilityBin:
    """Frames whose probability of the positive class lies in [low, high); the last bin has 1 as well."""

    low: float
    high: float
    frames: int
    mean_probability: float | None
    share_positive: float | None


@dataclass(frozen=True)
class Calibration:
    """Agreement of the positive class's probability with how often frames are positive.

    `expected_error` (ECE) = mean over frames of |mean probability - share positive| of the frame's bin, ten bins of
    equal width; `brier` = mean squared error of the probability; `log_loss` in nats.
    """

    bins: tuple[ReliabilityBin, ...]
    expected_error: float
    brier: float
    log_loss: float


@dataclass(frozen=True)
class TemperatureCalibration:
    """Calibration after temperature scaling, each line scaled by a temperature fitted without it.

    `temperatures` by line held out; `all_lines` is the one to use on further lines. When `reason` is set nothing was
    fitted: without a second line of each class, a temperature would be judged by the lines that it was fitted on.
    `at_bound` names the lines whose fit ended at 0.01 or 100, where the other lines are all right or all wrong.
    """

    temperatures: dict[str, float]
    all_lines: float | None
    at_bound: tuple[str, ...]
    calibration: Calibration | None
    reason: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return the result as one JSON document."""
        return asdict(self)


def reliability(positive: NDArray[np.bool_], scores: NDArray[np.float64]) -> Calibration:
    """Return reliability bins, ECE, Brier score and log loss of probabilities (frames,) of the positive class."""
    place = np.minimum((scores * BINS).astype(np.int64), BINS - 1)
    frames = np.bincount(place, minlength=BINS)
    summed, hits = np.bincount(place, scores, BINS), np.bincount(place, positive, BINS)
    bins = tuple(
        ReliabilityBin(
            k / BINS, (k + 1) / BINS, int(n), float(summed[k] / n) if n else None, float(hits[k] / n) if n else None
        )
        for k, n in enumerate(frames)
    )
    own = np.maximum(np.where(positive, scores, 1 - scores), _LEAST_PROBABILITY)
    return Calibration(
        bins,
        float(np.abs(summed - hits).sum() / len(scores)),
        float(np.mean((scores - positive) ** 2)),
        float(-np.log(own).mean()),
    )


def apply_temperature(probabilities: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Return softmax(logits / temperature) (frames, classes), the logits being known by their softmax."""
    logits = np.log(np.maximum(probabilities, _LEAST_PROBABILITY)) / temperature
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    scaled: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return scaled


def fit_temperature(targets: NDArray[np.int64], probabilities: NDArray[np.float64]) -> float:
    """Return the temperature, 0.01 to 100, that makes `targets` (frames,) likeliest (Guo et al. 2017).

    One number for all classes, so that no call changes with two classes. The loss is convex in 1 / temperature: the
    minimum is the only one. Raises InputError without frames.
    """
    from scipy.optimize import minimize_scalar

    if not len(targets):
        raise InputError("temperature: no frames to fit it on; expected at least one")
    logits = np.log(np.maximum(probabilities, _LEAST_PROBABILITY))
    logits -= logits.max(axis=1, keepdims=True)
    own = logits[np.arange(len(targets)), targets]

    def loss(log_temperature: float) -> float:
        sharpness = np.exp(-log_temperature)
        return float(np.mean(np.log(np.exp(logits * sharpness).sum(axis=1)) - own * sharpness))

    bounds = (np.log(LEAST_TEMPERATURE), np.log(MOST_TEMPERATURE))
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-8})
    # the bounded search never evaluates the bounds themselves, and stops anywhere on the flat end of all-right scores
    best = min((*bounds, float(found.x)), key=loss)
    return float(np.exp(best))


def calibrate_across_lines(
    targets: NDArray[np.int64], probabilities: NDArray[np.float64], lines: NDArray[np.str_], positive: int = 1
) -> TemperatureCalibration:
    """Fit a temperature without each line in turn and scale that line by it: temperatures are judged by other lines.

    `targets` (frames,), `probabilities` (frames, classes), `lines` (frames,). Needs two lines of each class that occur.
    """
    names, first = np.unique(lines, return_index=True)
    classes, count = np.unique(targets[first], return_counts=True)
    if len(classes) < 2 or count.min() < 2:
        reason = "temperature: fewer than two lines of a class; there would be none left to judge it by"
        return TemperatureCalibration({}, None, (), None, reason)
    scaled = np.empty_like(probabilities)
    temperatures = {}
    for name in names.tolist():
        held = lines == name
        temperatures[name] = fit_temperature(targets[~held], probabilities[~held])
        scaled[held] = apply_temperature(probabilities[held], temperatures[name])
    at_bound = tuple(
        name for name, t in temperatures.items() if not 1.001 * LEAST_TEMPERATURE < t < MOST_TEMPERATURE / 1.001
    )
    after = reliability(targets == positive, scaled[:, positive])
    return TemperatureCalibration(temperatures, fit_temperature(targets, probabilities), at_bound, after, None)
