"""The demonstration: a bundled real mini-plate, a simulated screen and simulated donor lines, from frames to report."""

from phasewell.demo.run import run_demo

__all__ = ["run_demo"]
