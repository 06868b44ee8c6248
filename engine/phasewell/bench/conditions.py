"""Under which conditions a number was measured: what it means without them is nothing."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from phasewell.device_facts import count_cores, describe_processor

BASE_DISTRIBUTIONS = ("phasewell", "numpy", "scipy")


def describe_conditions(*distributions: str, folder: Path = Path(__file__).parent) -> dict[str, Any]:
    """Return commit of `folder`, Python, versions of distributions, processor, cores and load of this moment."""
    return {
        "commit": describe_commit(folder),
        "python": platform.python_version(),
        "versions": read_versions(*BASE_DISTRIBUTIONS, *distributions),
        "processor": describe_processor(),
        "cores": count_cores(),
        "load_average": round(os.getloadavg()[0], 2),
    }


def read_versions(*distributions: str) -> dict[str, str]:
    """Return the installed version of each distribution; raises PackageNotFoundError for one that is absent."""
    return {name: importlib.metadata.version(name) for name in distributions}


def installed_versions(*distributions: str) -> dict[str, str]:
    """Return the versions of those distributions that are installed."""
    found: dict[str, str] = {}
    for name in distributions:
        try:
            found |= read_versions(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def describe_commit(folder: Path = Path(__file__).parent) -> str:
    """Return the commit of the checkout that `folder` belongs to, "-dirty" where more than rows was changed.

    Where the folder is in no repository, or lies in one that does not know it (an environment inside somebody's
    project): what PHASEWELL_COMMIT says, else "unknown".
    """
    if not _ask_git(folder, "ls-files", "."):
        return os.environ.get("PHASEWELL_COMMIT", "unknown")
    tracked = ("status", "--porcelain", "--untracked-files=no", "--", ":/", ":(top,exclude)benchmarks/results")
    described = _ask_git(folder, "describe", "--always") + ("-dirty" if _ask_git(folder, *tracked) else "")
    return described or os.environ.get("PHASEWELL_COMMIT", "unknown")


def _ask_git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    except OSError:  # no git
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
