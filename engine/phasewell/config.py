"""The configuration of a run: frozen models, one per stage, read from one TOML file."""

from __future__ import annotations

import difflib
import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from phasewell.errors import UsageError


class _Section(BaseModel):
    # the string below each key is its description: in the JSON schema, in `config init` and here
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class PlateConfig(_Section):
    """Which plate store is read."""

    store: Path
    """The OME-Zarr plate, as `ingest` or `simulate` made it."""
    wells: tuple[str, ...] = ()
    """Names or patterns such as "C*"; empty = all."""
    times: tuple[int, ...] = ()
    """Indices of the time grid, counted from 0; empty = all."""


class ForeignConfig(_Section):
    """How an OME-Zarr plate that another program wrote is read, in place; nothing of it for a store of phasewell."""

    channel: str | None = None
    """Name or number of the channel, where the plate has several."""
    plane: Annotated[int, Field(ge=0)] | None = None
    """Number of the focal plane counted from 0, where the plate has several."""
    acquisition: int | None = None
    """Id of the acquisition, where the plate has several."""
    interval_h: Annotated[float, Field(gt=0)] | None = None
    """Hours between times; goes before what the plate says."""
    first_time_h: float | None = None
    """Hour of the first time; left out = as the plate says, else 0."""
    pixel_size_um: Annotated[float, Field(gt=0)] | None = None
    """um per pixel where the plate does not say it; there is no default."""
    window: tuple[int, int] | None = None
    """Low and high grey value that map 16-bit frames to 8 bit."""
    platemap: Path | None = None
    """CSV or TOML with a row per well: clone, potency, donor and what else is known."""


class QualityConfig(_Section):
    """Rules that take a frame out (reject) or mark it (flag); a rule left out is off."""

    reject_mean_v_above: float | None = 230.0
    """Mean grey level above which a frame is rejected (paper K)."""
    reject_blank: bool = True
    """Reject frames of one single grey value."""
    flag_saturated_fraction_above: float | None = 0.05
    """Share of pixels at 255."""
    flag_black_fraction_above: float | None = None
    """Share of pixels at 0."""
    flag_focus_below: float | None = None
    """Variance of the integer Laplacian; what is sharp depends on the optics, so there is no default."""
    flag_blur_below: float | None = None
    """Gradient energy between pixels over that between 2 x 2 boxes; depends on the optics as well."""
    flag_illumination_gradient_above: float | None = 60.0
    """Grey levels between the brightest and the darkest of eight bands, horizontal or vertical."""
    flag_confluence_above: float | None = 0.9
    """Share of the frame covered by cells."""


class BackgroundConfig(_Section):
    """Step 1, read by segmentation and by the texture descriptors: uneven background becomes grey level 128.

    A pixel is background-like when its grey level is near the most frequent one of its frame.
    """

    enabled: bool = True
    """False leaves the frames as they are."""
    window_um: Annotated[float, Field(gt=0, le=100_000)] = 112.3
    """Side of the square over which background-like pixels are averaged."""
    tolerance: Annotated[int, Field(ge=0, le=255)] = 8
    """Grey levels from the frame's most frequent one up to which a pixel is background-like."""


class SegmentationConfig(_Section):
    """The eight steps. `preset` gives the values; any other key overrides it for this run.

    Lengths are in um and areas in um2: they scale with the pixel size and are rounded to the nearest pixel, halves
    up; windows to the nearest odd number of pixels. A key that is left out keeps the preset's value; a length, an
    area or a ratio of 0 switches its step off.
    """

    preset: Literal["phase", "paper-r"] = "phase"
    """phase: calibrated on real hand-labelled fields. paper-r: the eight steps as written."""
    texture_window_um: Annotated[float, Field(ge=0, le=100_000)] | None = None
    """Step 2: side of the square over which gradient energy is averaged; 0 = distance from the background level."""
    otsu_percent: Annotated[int, Field(ge=1, le=200)] | None = None
    """Step 3: share of Otsu's threshold, on the logarithmic scale of the energy."""
    threshold_floor: Annotated[int, Field(ge=0, le=520_200)] | None = None
    """Step 3: least threshold in energy; without it an empty frame fills with noise."""
    threshold_cap: Annotated[int, Field(ge=0, le=520_200)] | None = None
    """Step 3: largest threshold in energy."""
    contrast_ratio: Annotated[int, Field(ge=0, le=520_200)] | None = None
    """Step 3: a pixel stays when its energy times this exceeds the largest energy nearby."""
    contrast_radius_um: Annotated[float, Field(ge=0, le=100_000)] | None = None
    """Step 3: radius of the disc of that comparison."""
    pinhole_area_um2: Annotated[float, Field(ge=0)] | None = None
    """Step 3: holes up to this area are filled before the erosion."""
    speck_area_um2: Annotated[float, Field(ge=0)] | None = None
    """Step 4: objects below this area are removed before the erosion."""
    erosion_radius_um: Annotated[float, Field(ge=0, le=100_000)] | None = None
    """Step 5: radius of the disc that takes the halo off."""
    object_area_um2: Annotated[float, Field(ge=0)] | None = None
    """Step 6: objects below this area are removed after the erosion."""
    hole_area_um2: Annotated[float, Field(ge=0)] | None = None
    """Step 7: holes up to this area are filled."""
    wall_depth_um: Annotated[float, Field(ge=0, le=100_000)] | None = None
    """Before the split: an object that runs through the frame and stays this close to one of its sides is a wall of the
    vessel and is removed."""
    split_depth_um: Annotated[float, Field(ge=0, le=100_000)] | None = None
    """Before step 8: two parts of an object are two cells when the neck between them is narrower than the slimmer
    part by this much, measured as distance to the outline."""
    seam_level: Annotated[int, Field(ge=0, le=127)] | None = None
    """Before the split: grey levels above the background from which a bright line parts two cells; 0 = outline only."""
    remove_frame_touching: bool | None = None
    """Step 8: objects that touch the frame are removed."""


class InferenceConfig(_Section):
    """Scores of whole frames by a network; without a model there are none."""

    model: Path | None = None
    """The model's folder: model.json, weights.safetensors, model.onnx."""
    backend: Literal["auto", "openvino", "torch", "tensorrt"] = "auto"
    """auto: OpenVINO on a CPU, torch on a GPU. tensorrt: on a GPU, not measured yet. Part of the key of scores, like
    all that follows."""
    precision: Literal["auto", "f32", "bf16", "f16", "int8"] = "auto"
    """auto: bf16 where the processor multiplies it, else f32; what was chosen is in every result. int8 needs a model
    that was quantised."""
    mode: Literal["offset", "gain"] | None = None
    """How the mean grey level becomes 130; left out = as the model was trained."""
    acceleration: Literal["none", "graphs", "compile"] = "none"
    """torch on a GPU only. graphs: launches are replayed as CUDA graphs. compile: torch.compile."""


class ProfileConfig(_Section):
    """Which hours and how many fields enter the profile."""

    window_h: tuple[float, float] | None = None
    """First and last hour, both inclusive; left out = all hours."""
    fields: Annotated[int, Field(ge=1)] | None = None
    """How many random fields per well, the same at every hour; left out = all."""
    min_fields: Annotated[int, Field(ge=1)] = 1
    """Below this number of fields a well-hour is null."""
    seed: int = 0
    """Seed of the choice of fields."""


class ModelConfig(_Section):
    """Potency models: which columns of the plate map are the target and the group."""

    kinds: tuple[Literal["lasso", "forest", "xgboost", "elastic_net", "ridge"], ...] = ("lasso", "forest", "xgboost")
    """Models to fit."""
    target: str = "potency"
    """Column that holds what to predict."""
    group: str = "clone"
    """Column that says which wells belong together; they never part in validation."""
    seed: int = 0
    """Seed of forest and boosting."""


class RunConfig(_Section):
    """Where the run goes and what it keeps."""

    output: Path
    """The run folder."""
    labels: Literal["none", "sample", "all"] = "sample"
    """Which label images are kept: what the report shows (sample), all, or none."""


class ComputeConfig(_Section):
    """How the run is computed. Never part of a content key: it cannot change the numbers."""

    device: str = "auto"
    """cpu, cuda:N, or auto: the first GPU, else the CPU."""
    engine: Literal["kernels", "arrays"] = "kernels"
    """kernels: fused, for speed. arrays: the readable specification of the same numbers."""
    executor: Literal["serial", "dask", "dask-cuda"] = "serial"
    """serial: one process. dask: a local cluster, or the scheduler named below. dask-cuda: one process a GPU."""
    workers: Annotated[int, Field(ge=0)] = 0
    """Worker processes of the local cluster; 0 = one per core, or one per GPU for dask-cuda."""
    scheduler: str | None = None
    """Address of a running Dask scheduler; left out = a local cluster."""
    cpu_fallback: bool = False
    """Whether frames for which a GPU has too little memory, even one by one, are computed on the CPU."""
    lease_s: Annotated[float, Field(gt=0)] = 2.0
    """Least work of one task in seconds."""
    stall_timeout_s: Annotated[float, Field(gt=0)] = 600.0
    """Without a finished unit for this long, workers are rebuilt."""


class WatchConfig(_Section):
    """How a run tells of itself while it works. Never part of a content key: it cannot change the numbers."""

    page_every_s: Annotated[float, Field(ge=1)] = 30.0
    """Seconds between two writings of status.html in the run folder."""
    metrics_port: Annotated[int, Field(ge=0, le=65_535)] | None = None
    """Port on 127.0.0.1 that serves /metrics for Prometheus while the run works; 0 = any free one, left out = none."""
    notify: tuple[str, ...] = ()
    """Program and arguments that are run when the run ends or stalls, never by a shell; the facts come on standard
    input and in place of the arguments {event}, {status}, {run} and {message}."""
    notify_on: tuple[Literal["end", "stall"], ...] = ("end", "stall")
    """When it is run."""
    notify_timeout_s: Annotated[float, Field(gt=0)] = 30.0
    """After how long it is killed."""


class Config(_Section):
    """Everything a run reads."""

    plate: PlateConfig
    run: RunConfig
    foreign: ForeignConfig = ForeignConfig()
    quality: QualityConfig = QualityConfig()
    background: BackgroundConfig = BackgroundConfig()
    segmentation: SegmentationConfig = SegmentationConfig()
    inference: InferenceConfig = InferenceConfig()
    profile: ProfileConfig = ProfileConfig()
    model: ModelConfig = ModelConfig()
    compute: ComputeConfig = ComputeConfig()
    watch: WatchConfig = WatchConfig()


def load_config(path: Path | str, overrides: tuple[str, ...] = ()) -> Config:
    """Read a TOML file and apply overrides such as `compute.workers=2` (values in TOML syntax).

    Relative paths count from the file's folder. Raises UsageError naming the file, the key and the nearest name.
    """
    path = Path(path)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"config {path}: cannot be read ({error.strerror}); make one with `phasewell config init`"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"config {path}: not valid TOML: {error}") from error
    for override in overrides:
        _apply_override(document, override)
    folders = (("plate", "store"), ("run", "output"), ("foreign", "platemap"), ("inference", "model"))
    for section, key in folders:
        value = document.get(section, {}).get(key)
        if isinstance(value, str):
            document[section][key] = path.parent / value
    return parse_config(document, str(path))


def parse_config(document: dict[str, Any], source: str = "config") -> Config:
    """Return the validated configuration; raises UsageError naming every wrong key and the nearest right one."""
    try:
        return Config.model_validate(document)
    except ValidationError as error:
        raise UsageError("\n".join(_explain(source, item) for item in error.errors())) from error


def parse_foreign(overrides: tuple[str, ...]) -> ForeignConfig:
    """Return the section `foreign` from overrides such as `foreign.interval_h=6`; errors as `parse_config`."""
    document: dict[str, Any] = {}
    for override in overrides:
        _apply_override(document, override)
    if strange := sorted(document.keys() - {"foreign"}):
        raise UsageError(f"--set {strange[0]}: only keys of foreign are used here, such as foreign.interval_h=6")
    return parse_config({"plate": {"store": "."}, "run": {"output": "."}, **document}, "--set").foreign


def _explain(source: str, item: Any) -> str:
    location = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        names = _known_names(item["loc"][:-1])
        near = difflib.get_close_matches(str(item["loc"][-1]), names, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(names)}"
        return f"{source}: unknown key {location}; {hint}"
    return f"{source}: {location}: {item['msg']} (found {item['input']!r})"


def _known_names(location: tuple[Any, ...]) -> list[str]:
    model: Any = Config
    for part in location:
        model = model.model_fields[part].annotation
    return list(model.model_fields)


def _apply_override(document: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    section, dot, name = key.strip().partition(".")
    if not (equals and dot):
        raise UsageError(f"--set {override!r}: expected section.key=value, such as compute.workers=2")
    try:
        parsed = tomllib.loads(f"x={value}")["x"]
    except tomllib.TOMLDecodeError:
        parsed = value.strip()  # a bare word is a string
    document.setdefault(section, {})[name] = parsed


def describe_config(store: str, output: str) -> str:
    """Return a TOML file with every key, its default and what it means; keys without a value are commented out."""
    given = {("plate", "store"): store, ("run", "output"): output}
    lines = [f"# {(Config.__doc__ or '').strip()}"]
    for section, field in Config.model_fields.items():
        model: Any = field.annotation
        lines += ["", f"[{section}]  # {(model.__doc__ or '').strip().splitlines()[0]}"]
        for key, item in model.model_fields.items():
            value = given.get((section, key), item.default)
            text = "# " + key + " =" if value is None else f"{key} = {json.dumps(value)}"
            lines.append(f"{text}  # {' '.join((item.description or '').split())}")
    return "\n".join(lines) + "\n"
