"""What this machine can do for phasewell, and the line that installs what it lacks."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import sys
from pathlib import Path
from typing import Any

import phasewell
from phasewell.device import Device, count_gpus, explain_absence
from phasewell.device_facts import DeviceFacts

_EXTRAS = {  # extra -> (distribution that shows it is there, what it is for)
    "cluster": ("distributed", "executor dask: processes on this machine, or a cluster"),
    "cuda13": ("cupy-cuda13x", "runs on GPUs"),
    "serve": ("openvino", "scores of frames by a network on a CPU"),
    "train": ("torch", "making and training networks, and their scores on a GPU"),
    "anndata": ("anndata", "export --to anndata"),
    "postgres": ("adbc-driver-postgresql", "loading results into PostgreSQL"),
    "ngio": ("ngio", "Fractal's reader of plate stores"),
    "watch": ("prometheus-client", "/metrics for Prometheus while a run works"),
}
_MODULES = {  # module -> extra, of what a verb may find missing
    "torch": "train", "optuna": "train", "onnx": "train", "onnxscript": "train", "safetensors": "train",
    "nncf": "train", "onnxruntime": "train", "openvino": "serve", "dask": "cluster", "distributed": "cluster",
    "dask_cuda": "cuda13", "cupy": "cuda13", "adbc_driver_postgresql": "postgres", "anndata": "anndata",
    "prometheus_client": "watch",
}  # fmt: skip
_SHOWN = ("numpy", "scipy", "zarr", "tifffile", "imagecodecs", "pyarrow", "duckdb", "scikit-learn", "xgboost-cpu")


def examine(folder: Path | None = None) -> dict[str, Any]:
    """Return versions, devices, memory, free disk of `folder` (default: here) and missing extras, with text lines."""
    folder = folder or Path.cwd()
    versions = {name: version for name in _SHOWN if (version := _version(name))}
    missing = [
        {"extra": extra, "for": purpose, "install": _install_line(extra)}
        for extra, (distribution, purpose) in _EXTRAS.items()
        if _version(distribution) is None
    ]
    disk = shutil.disk_usage(folder)
    cpu, gpus = Device("cpu").facts(), [Device(f"cuda:{index}").facts() for index in range(count_gpus())]
    report: dict[str, Any] = {
        "phasewell": phasewell.__version__,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "cores": cpu.count,
        "memory_bytes": cpu.memory_bytes,
        "disk_free_bytes": disk.free,
        "devices": [facts.to_dict() for facts in (cpu, *gpus)],
        "gpus": [gpu.to_text() for gpu in gpus],
        "no_gpu_because": None if gpus else explain_absence(),
        "kernels": _kernels(),
        "versions": versions,
        "missing": missing,
    }
    report["lines"] = _lines(report, folder)
    return report


def explain_missing(error: ModuleNotFoundError) -> str:
    """Return which extra brings the module that an import did not find, with the line that installs it.

    Raises the error itself where no extra has that module.
    """
    module = (error.name or "").partition(".")[0]
    if module not in _MODULES:
        raise error
    extra = _MODULES[module]
    return f"{module} is not installed; it comes with the extra {extra}. In the checkout: {_install_line(extra)}"


def _install_line(extra: str) -> str:
    """Return the command that adds an extra to this environment, from a checkout with its pinned versions."""
    return f'{sys.executable} -m pip install --constraint constraints.txt --editable ".[{extra}]"'


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _kernels() -> str:
    from phasewell_kernels import cpu

    return f"cpu, {cpu.instruction_sets()[-1]} instructions ({Path(cpu.__file__ or '').name})"


def _lines(report: dict[str, Any], folder: Path) -> list[str]:
    gib = 2**30
    lines = [
        f"phasewell {report['phasewell']}, Python {report['python']} at {sys.prefix}, {report['machine']}",
        f"cores {report['cores']}, memory {report['memory_bytes'] / gib:.1f} GiB, "
        f"free disk {report['disk_free_bytes'] / gib:.1f} GiB at {folder}",
        f"kernels: {report['kernels']}",
        *(f"device {DeviceFacts(**facts).to_text()}" for facts in report["devices"]),
        *([] if report["gpus"] else [f"no GPU: {report['no_gpu_because']}"]),
        "versions: " + ", ".join(f"{name} {version}" for name, version in report["versions"].items()),
    ]
    lines += [f"not installed: {m['extra']} ({m['for']}): {m['install']}" for m in report["missing"]]
    return lines
