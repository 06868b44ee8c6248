"""The demonstration: a bundled real mini-plate and a simulated screen, from frames to report."""

from phasewell.demo.run import run_demo

__all__ = ["run_demo"]
