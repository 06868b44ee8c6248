"""The configuration of a run: frozen models, one per stage, read from one TOML file."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from phasewell.errors import UsageError


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PlateConfig(_Section):
    """Which plate store is read."""

    store: Path
    wells: tuple[str, ...] = ()  # names or patterns such as "C*"; empty = all
    times: tuple[int, ...] = ()  # indices of the time grid; empty = all


class QualityConfig(_Section):
    """Rules that take a frame out (reject) or mark it (flag); None switches a rule off."""

    reject_mean_v_above: float | None = 230.0  # paper K: mean V > 230
    reject_blank: bool = True  # one single grey value
    flag_saturated_fraction_above: float | None = 0.05
    flag_focus_below: float | None = None  # variance of the integer Laplacian; depends on the optics
    flag_illumination_gradient_above: float | None = 60.0  # grey levels across the frame
    flag_confluence_above: float | None = 0.9


class SegmentationConfig(_Section):
    """The eight steps. `preset` gives the values; any other key overrides it for this run.

    Lengths are in um and areas in um2: they scale with the pixel size. Overrides of None keep the preset's value.
    """

    preset: Literal["phase", "paper-r"] = "phase"
    engine: Literal["arrays"] = "arrays"


class ProfileConfig(_Section):
    """Which hours and how many fields enter the profile."""

    window_h: tuple[float, float] | None = None  # first and last hour, inclusive; None = all
    fields: Annotated[int, Field(ge=1)] | None = None  # random fields per well, the same at every hour; None = all
    min_fields: Annotated[int, Field(ge=1)] = 1  # below this a well-hour is null, with a reason
    seed: int = 0


class ModelConfig(_Section):
    """Potency models fitted on the profile; needs a column of the plate map as target and one as group."""

    kinds: tuple[Literal["lasso", "forest", "xgboost"], ...] = ("lasso", "forest", "xgboost")
    target: str = "potency"
    group: str = "clone"
    seed: int = 0


class RunConfig(_Section):
    """Where the run goes and what it keeps."""

    output: Path
    labels: Literal["none", "sample", "all"] = "sample"


class ComputeConfig(_Section):
    """How the run is computed. Never part of a content key: it cannot change the numbers."""

    device: str = "auto"
    executor: Literal["serial", "dask"] = "serial"
    workers: Annotated[int, Field(ge=0)] = 0  # 0 = one per core
    scheduler: str | None = None  # address of a running Dask scheduler; None = a local cluster
    lease_s: Annotated[float, Field(gt=0)] = 2.0  # least work of one task
    stall_timeout_s: Annotated[float, Field(gt=0)] = 600.0


class Config(_Section):
    """Everything a run reads."""

    plate: PlateConfig
    run: RunConfig
    quality: QualityConfig = QualityConfig()
    segmentation: SegmentationConfig = SegmentationConfig()
    profile: ProfileConfig = ProfileConfig()
    model: ModelConfig = ModelConfig()
    compute: ComputeConfig = ComputeConfig()


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
    for section, key in (("plate", "store"), ("run", "output")):
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
