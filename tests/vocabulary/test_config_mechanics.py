"""Configuration: unknown keys are errors with the nearest name; template, schema and models are one thing."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from phasewell.config import Config, describe_config, load_config, parse_config
from phasewell.errors import UsageError
from pydantic import ValidationError

GOOD = {"plate": {"store": "plate.zarr"}, "run": {"output": "run"}}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"segmentation": {"presett": "phase"}}, "segmentation.presett; did you mean preset"),
        ({"segmentaton": {}}, "did you mean segmentation"),
        ({"compute": {"workers": -1}}, "compute.workers"),
        ({"compute": {"executor": "slurmm"}}, "compute.executor"),
        ({"profile": {"fields": 0}}, "profile.fields"),
    ],
)
def test_wrong_keys_and_values_are_named(change: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse_config({**GOOD, **change})


def test_template_has_every_key_and_loads(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(describe_config("plate.zarr", "run"))
    config = load_config(path)
    assert config == parse_config({"plate": {"store": tmp_path / "plate.zarr"}, "run": {"output": tmp_path / "run"}})
    sections = tomllib.loads(path.read_text())
    assert list(sections) == list(Config.model_fields)


def test_every_key_is_described() -> None:
    for name, field in Config.model_fields.items():
        model = field.annotation
        assert model is not None
        for key, item in model.model_fields.items():
            assert item.description, f"{name}.{key} has no description"


def test_config_is_frozen() -> None:
    config = parse_config(GOOD)
    with pytest.raises(ValidationError):
        config.compute = None  # type: ignore[assignment,misc]


@pytest.mark.parametrize("override", ["workers=2", "compute.workers", "compute=2"])
def test_malformed_overrides_are_refused(override: str, tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(describe_config("plate.zarr", "run"))
    with pytest.raises(UsageError, match=r"section\.key=value"):
        load_config(path, (override,))
