"""How large a run is made: workers, threads and frames at once, such that they fit into this host and its GPUs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from phasewell.background import kernel_half_px
from phasewell.config import ComputeConfig, Config
from phasewell.device import Device, count_gpus
from phasewell.device_facts import DeviceFacts, count_cores, host_memory_bytes
from phasewell.errors import UnavailableError, UsageError
from phasewell.inference import read_model
from phasewell.plate import Plate
from phasewell.runs.folder.unit_plan import count_label_fields
from phasewell.runs.worker.lanes import size_lanes
from phasewell.runs.worker.memory import (
    kernel_scratch_bytes,
    projected_array_gpu_bytes,
    projected_gpu_bytes,
    projected_gpu_session_bytes,
    projected_session_bytes,
    projected_task_bytes,
)
from phasewell.segmentation import make_recipe

GPU_LANES = 3  # one copies in, one computes, one copies out
_FEWEST_FRAMES = 8  # of a lane on a GPU; before that, there are fewer lanes


@dataclass(frozen=True)
class Sizes:
    """What every worker is given, and what it takes of the host and of its GPU in bytes."""

    workers: int
    threads: int
    """Of the kernels of a worker, on a CPU; on a GPU its lanes."""
    batch_frames: int
    """Frames of a lane at once."""
    host_bytes: int
    gpu_bytes: int


def size_run(plate: Plate, config: Config, device: Device) -> Sizes:
    """Return the sizes of a run on `device`.

    Raises UsageError for more workers than the host's memory or its GPUs allow, and for an executor that does not fit
    the device; UnavailableError when the free memory of a GPU is too little even for single frames.
    """
    if config.compute.executor == "dask-cuda" and not device.is_gpu:
        raise UsageError("compute.device cpu: executor dask-cuda needs a GPU; set compute.executor to dask or serial")
    bytes_of = partial(_host_bytes, plate, config, device)
    workers = _count_workers(config, device, bytes_of)
    if not device.is_gpu:
        threads = _count_threads(config, device, workers)
        frames = size_lanes(replace(device, threads=threads), plate.frame_shape).batch_frames
        return Sizes(workers, threads, frames, bytes_of(threads), 0)
    own = config.compute.executor == "dask-cuda"  # a GPU each; processes of the executor dask share one
    facts = [Device(f"cuda:{device.index + i}").facts() for i in range(workers if own else 1)]
    gpu_bytes_of = _gpu_bytes_of(plate, config, device)
    threads, frames = min(fit_gpu(each, 1 if own else workers, device.batch_frames, gpu_bytes_of) for each in facts)
    return Sizes(workers, threads, frames, bytes_of(threads, frames), gpu_bytes_of(threads, frames))


def fit_gpu(facts: DeviceFacts, sharing: int, most_frames: int, bytes_of: Callable[[int, int], int]) -> tuple[int, int]:
    """Return how many lanes of how many frames fit into the free memory of a GPU for each of `sharing` processes.

    `bytes_of(lanes, frames)` is what a process takes. A lane first takes fewer frames, then there are fewer lanes.
    Raises UnavailableError when not even one frame at a time fits.
    """
    halves = [most_frames >> i for i in range(most_frames.bit_length())]
    choices = [(GPU_LANES, frames) for frames in halves if frames >= min(_FEWEST_FRAMES, most_frames)]
    choices += [(lanes, min(_FEWEST_FRAMES, most_frames)) for lanes in range(GPU_LANES - 1, 0, -1)]
    choices += [(1, frames) for frames in halves if frames < _FEWEST_FRAMES]
    for lanes, frames in choices:
        if bytes_of(lanes, frames) * sharing <= facts.free_bytes:
            return lanes, frames
    raise UnavailableError(
        f"device {facts.name} ({facts.hardware}): one frame at a time takes about {bytes_of(1, 1) * sharing >> 20} MiB "
        f"for {sharing} processes, and {facts.free_bytes >> 20} of {facts.memory_bytes >> 20} MiB are free; "
        "`nvidia-smi` lists what else is on it: wait for that, choose another GPU, or the device cpu"
    )


def _count_workers(config: Config, device: Device, bytes_of: Callable[[int], int]) -> int:
    """Return how many processes compute at once: one for `serial`, else as configured.

    By default one per GPU, or one per core as far as the projected memory of a task lets them fit into this host.
    """
    compute = config.compute
    if compute.executor == "serial":
        return 1
    if compute.executor == "dask-cuda":
        return _count_gpu_workers(compute)
    memory = host_memory_bytes()

    def needed(workers: int) -> int:
        return workers * bytes_of(_count_threads(config, device, workers))

    most = compute.workers or (1 if device.is_gpu else count_cores())
    fitting = next((workers for workers in range(most, 1, -1) if needed(workers) <= memory), 1)
    if compute.scheduler is None and compute.workers > fitting:
        raise UsageError(
            f"compute.workers {compute.workers}: they need about {needed(compute.workers) >> 20} MiB and this host has "
            f"{memory >> 20} MiB; expected at most {fitting}"
        )
    return compute.workers or fitting


def _count_gpu_workers(compute: ComputeConfig) -> int:
    if compute.scheduler is not None:
        raise UsageError("compute.scheduler: executor dask-cuda makes its own cluster; leave the key out, or set dask")
    there = count_gpus() if compute.device in ("auto", "cuda") else 1  # cuda:N is that one alone
    if compute.workers > there:
        raise UsageError(
            f"compute.workers {compute.workers}: executor dask-cuda has one process a GPU; compute.device "
            f"{compute.device} gives it {there}; expected at most {there}, or 0 for all"
        )
    return compute.workers or there


def _count_threads(config: Config, device: Device, workers: int) -> int:
    """Return the threads of one worker: the cores of this host, shared by its workers; of a GPU its lanes.

    One where only one can be used: by the engine `arrays`, and on the workers of a scheduler elsewhere.
    """
    if device.engine == "arrays" or config.compute.scheduler is not None:
        return 1
    return GPU_LANES if device.is_gpu else max(device.threads // workers, 1)


def _host_bytes(plate: Plate, config: Config, device: Device, threads: int, frames: int = 0) -> int:
    lanes = size_lanes(replace(device, threads=threads), plate.frame_shape, frames)
    itemsize, scratch = 1 if plate.dtype == "uint8" else 2, None
    if device.engine == "kernels":
        recipe = make_recipe(config.segmentation, plate.pixel_size_um)
        each = 0 if device.is_gpu else kernel_scratch_bytes(plate.frame_shape, recipe)
        scratch = -(-threads // lanes.n_lanes) * each
    labelled = count_label_fields(config.run.labels, len(plate.fields))
    task = projected_task_bytes(plate.frame_shape, itemsize, len(plate.fields), lanes, scratch, labelled)
    return task + _session_bytes(plate, config, threads)


def _session_bytes(plate: Plate, config: Config, threads: int) -> int:
    model = _model_sizes(plate, config)
    return projected_session_bytes(*model, threads) if model else 0


def _model_sizes(plate: Plate, config: Config) -> tuple[int, int] | None:
    """Return the bytes of the weights and the pixels of a frame's pictures; None without a model."""
    if config.inference.model is None:
        return None
    weights = read_model(config.inference.model).weights.stat().st_size
    return weights, plate.frame_shape[0] * plate.frame_shape[1] // 16


def _gpu_bytes_of(plate: Plate, config: Config, device: Device) -> Callable[[int, int], int]:
    model = _model_sizes(plate, config)
    session = projected_gpu_session_bytes(*model, device.batch_frames) if model else 0
    if config.compute.engine == "arrays":
        return lambda lanes, frames: session + projected_array_gpu_bytes(plate.frame_shape, lanes, frames)
    recipe = make_recipe(config.segmentation, plate.pixel_size_um)
    half = kernel_half_px(config.background, plate.pixel_size_um, *plate.frame_shape)
    return lambda lanes, frames: session + projected_gpu_bytes(plate.frame_shape, recipe, half, lanes, frames)
