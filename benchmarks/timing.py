"""Pieces of work measured in turns, so that a slow minute of the machine falls on all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from phasewell.bench import timing


@dataclass(frozen=True)
class Work:
    """One piece of work: `call` handles `frames` frames; `prepare` goes before every call, outside of the clock.

    `cpu_s` reads the clock of the processors' time the call uses; other processes bring their own.
    """

    call: Callable[[], Any]
    frames: int = 1
    prepare: Callable[[], Any] | None = None
    repeats: int = 1  # calls in one turn: short work needs more of them
    cpu_s: Callable[[], float] = time.process_time


@dataclass(frozen=True)
class Spell:
    """Times of one piece of work per frame in ms: the first call apart, then medians and spread of the others."""

    first_ms: float
    p50_ms: float
    p95_ms: float
    spread: float  # (largest - smallest) / median


@dataclass(frozen=True)
class Times:
    """What a clock on the wall and the processors' own clock say about one piece of work."""

    wall: Spell
    cpu: Spell
    calls: int


def measure(work: Mapping[str, Work], rounds: int) -> dict[str, Times]:
    """Return the times of every piece of work, all in turns: one round to warm up, then `rounds` rounds."""
    walls: dict[str, list[float]] = {name: [] for name in work}
    cpus: dict[str, list[float]] = {name: [] for name in work}
    for turn in range(rounds + 1):
        for name, one in work.items():
            for _ in range(one.repeats if turn else 1):
                if one.prepare:
                    one.prepare()
                cpu, wall = one.cpu_s(), time.perf_counter()
                one.call()
                walls[name].append((time.perf_counter() - wall) / one.frames)
                cpus[name].append((one.cpu_s() - cpu) / one.frames)
    return {name: Times(_spell(walls[name]), _spell(cpus[name]), len(walls[name]) - 1) for name in work}


def _spell(seconds: list[float]) -> Spell:
    took = timing.Times(seconds[0], tuple(seconds[1:]))
    return Spell(took.warm_up_s * 1e3, took.p50_s * 1e3, took.p95_s * 1e3, took.spread)
