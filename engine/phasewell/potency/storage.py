"""A fitted model as a folder: manifest.json, evaluation.json and one file of numbers. Nothing in it can execute."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from phasewell import __version__
from phasewell.errors import InputError, OutputError, SecurityError
from phasewell.potency.estimators import KINDS, LINEAR_KINDS, make_estimator
from phasewell.potency.evaluation import Evaluation
from phasewell.potency.lasso import LassoLeaveGroupOut
from phasewell.potency.model import PotencyModel, TrainingRows
from phasewell.profiles import ProfileColumn

if TYPE_CHECKING:
    from collections.abc import Sequence

TRAINING_NAME = "training.npz"
FORMAT = "phasewell-potency-model-2"
ESTIMATOR_FILES = {kind: f"{kind}.json" for kind in LINEAR_KINDS} | {
    "forest": "forest.skops",
    "xgboost": "xgboost.ubj",
}
# what a forest file may construct beyond skops' own list of plain data holders: the arrays of one tree
TRUSTED_TYPES = {"sklearn.tree._tree.Tree"}


class ModelManifest(BaseModel):
    """What a saved model is, what it was fitted on, and the digests of its files."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: str
    kind: str
    seed: int
    parameters: dict[str, Any]
    validation: str
    definitions: str
    pixel_size_um: float
    profile_columns: tuple[tuple[str, str, float], ...]
    columns: tuple[tuple[str, str, float], ...]
    groups: tuple[str, ...]
    training_digest: str
    versions: dict[str, str]  # phasewell, numpy, scikit-learn, and xgboost or skops where used
    files: dict[str, str]  # name -> SHA-256


def save_model(model: PotencyModel, folder: Path | str) -> Path:
    """Write `model` to `folder` (made whole beside it, then renamed) and return the folder.

    A folder that holds a saved model is replaced; any other existing path raises OutputError.
    """
    folder = Path(folder)
    if folder.exists() and not (folder / "manifest.json").is_file():
        raise OutputError(f"model {folder}: exists and is no saved model; choose another folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise OutputError(f"model {folder}: cannot be created ({error.strerror})") from error
    try:
        _write_files(model, scratch)
        scratch.chmod(0o755)
        if folder.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
            folder.replace(old)
            scratch.replace(folder)
            shutil.rmtree(old)
        else:
            scratch.replace(folder)
    except OSError as error:
        raise OutputError(f"model {folder}: cannot be written ({error.strerror})") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def _write_files(model: PotencyModel, folder: Path) -> None:
    name = ESTIMATOR_FILES[model.kind]
    if model.kind in LINEAR_KINDS:
        _write_json(folder / name, _lasso_document(model.estimator))
    elif model.kind == "forest":
        import skops.io

        skops.io.dump(model.estimator, folder / name)
    else:
        model.estimator.save_model(folder / name)
    _write_json(folder / "evaluation.json", model.evaluation.to_dict())
    np.savez(folder / TRAINING_NAME, values=model.training.values, n_cells=model.training.n_cells)
    manifest = ModelManifest(
        format=FORMAT,
        kind=model.kind,
        seed=model.seed,
        parameters=dict(model.parameters),
        validation=model.evaluation.validation,
        definitions=model.definitions,
        pixel_size_um=model.pixel_size_um,
        profile_columns=tuple((c.descriptor, c.statistic, c.time_h) for c in model.profile_columns),
        columns=tuple((c.descriptor, c.statistic, c.time_h) for c in model.columns),
        groups=model.groups,
        training_digest=model.training_digest,
        versions=_versions(model.kind),
        files={file: _digest(folder / file) for file in (name, "evaluation.json", TRAINING_NAME)},
    )
    _write_json(folder / "manifest.json", manifest.model_dump(mode="json"))


def load_model(folder: Path | str) -> PotencyModel:
    """Return the model saved in `folder`, every file checked against its digest.

    Raises InputError when a file is missing, altered or of another version, and SecurityError when a forest file
    asks for types that are not on the list.
    """
    folder = Path(folder)
    manifest = _read_manifest(folder)
    for name, digest in manifest.files.items():
        if _digest(folder / name) != digest:
            raise InputError(f"model {folder}: {name} is not the file that was saved; fit the model again")
    return PotencyModel(
        kind=manifest.kind,
        seed=manifest.seed,
        parameters=manifest.parameters,
        profile_columns=tuple(ProfileColumn(*c) for c in manifest.profile_columns),
        columns=tuple(ProfileColumn(*c) for c in manifest.columns),
        definitions=manifest.definitions,
        pixel_size_um=manifest.pixel_size_um,
        training_digest=manifest.training_digest,
        groups=manifest.groups,
        evaluation=Evaluation.from_dict(json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))),
        estimator=_load_estimator(folder / ESTIMATOR_FILES[manifest.kind], manifest),
        training=_load_training(folder / TRAINING_NAME, manifest),
    )


def _load_training(path: Path, manifest: ModelManifest) -> TrainingRows:
    times_h = tuple(sorted({time_h for _, _, time_h in manifest.profile_columns}))
    try:
        with np.load(path, allow_pickle=False) as arrays:
            values, n_cells = arrays["values"], arrays["n_cells"]
    except (ValueError, KeyError, OSError) as error:
        raise InputError(f"model {path}: not the training rows ({error}); fit the model again") from error
    if values.shape[1:] != (len(manifest.columns),) or n_cells.shape != (len(values), len(times_h)):
        raise InputError(f"model {path}: {values.shape} values for {len(manifest.columns)} columns; fit it again")
    return TrainingRows(values, n_cells, times_h)


def _read_manifest(folder: Path) -> ModelManifest:
    path = folder / "manifest.json"
    try:
        manifest = ModelManifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"model {folder}: manifest.json cannot be read ({error.strerror})") from error
    except ValidationError as error:
        raise InputError(f"model {folder}: manifest.json is not valid: {error.errors()[0]['msg']}") from error
    if manifest.format != FORMAT or manifest.kind not in KINDS:
        raise InputError(f"model {folder}: format {manifest.format!r}, kind {manifest.kind!r}; expected {FORMAT}")
    if set(manifest.files) != {ESTIMATOR_FILES[manifest.kind], "evaluation.json", TRAINING_NAME}:
        raise InputError(f"model {folder}: manifest.json names files {', '.join(sorted(manifest.files))}")
    return manifest


def _load_estimator(path: Path, manifest: ModelManifest) -> Any:
    if manifest.kind in LINEAR_KINDS:
        estimator: Any = _lasso_from_document(path, manifest)
    elif manifest.kind == "xgboost":
        estimator = _load_boosted_trees(path, manifest)
    else:
        estimator = _load_forest(path, manifest)
    if estimator.n_features_in_ != len(manifest.columns):
        raise InputError(f"model {path}: made for {estimator.n_features_in_} columns, not {len(manifest.columns)}")
    return estimator


def _load_boosted_trees(path: Path, manifest: ModelManifest) -> Any:
    from xgboost.core import XGBoostError

    estimator = make_estimator("xgboost", manifest.seed, manifest.parameters)
    try:
        estimator.load_model(path)
    except XGBoostError as error:
        raise InputError(f"model {path}: is no XGBoost model; fit the model again") from error
    return estimator


def _load_forest(path: Path, manifest: ModelManifest) -> Any:
    here = _versions("forest")["scikit-learn"]
    if manifest.versions.get("scikit-learn") != here:
        # trees are stored as scikit-learn lays them out in memory, which changes between releases
        raise InputError(
            f"model {path.parent}: forest of scikit-learn {manifest.versions.get('scikit-learn')}, here is {here}; "
            "fit it again or install that version"
        )
    import skops.io

    unlisted = set(skops.io.get_untrusted_types(file=path))
    if unlisted - TRUSTED_TYPES:
        names = ", ".join(sorted(unlisted - TRUSTED_TYPES))
        raise SecurityError(f"model {path}: asks for types {names}, which a forest does not need; not loaded")
    return skops.io.load(path, trusted=sorted(unlisted))


def _lasso_document(estimator: LassoLeaveGroupOut) -> dict[str, Any]:
    vectors = {name: getattr(estimator, name).tolist() for name in ("coef_", "mean_", "scale_", "alphas_", "cv_error_")}
    return {
        "parameters": estimator.get_params(),
        "alpha": estimator.alpha_,
        "intercept": estimator.intercept_,
        **{name.rstrip("_"): values for name, values in vectors.items()},
    }


def _lasso_from_document(path: Path, manifest: ModelManifest) -> LassoLeaveGroupOut:
    document = json.loads(path.read_text(encoding="utf-8"))
    try:
        estimator: LassoLeaveGroupOut = make_estimator(manifest.kind, manifest.seed, document["parameters"])
        estimator.alpha_, estimator.intercept_ = float(document["alpha"]), float(document["intercept"])
        for name in ("coef", "mean", "scale", "alphas", "cv_error"):
            setattr(estimator, f"{name}_", np.array(document[name], dtype=np.float64))
    except (TypeError, KeyError, ValueError) as error:
        raise InputError(f"model {path}: not the expected keys ({error}); fit the model again") from error
    if {len(estimator.mean_), len(estimator.scale_)} != {len(estimator.coef_)}:
        raise InputError(f"model {path}: coefficients and scales differ in number; fit the model again")
    estimator.n_features_in_ = len(estimator.coef_)
    return estimator


def _versions(kind: str) -> dict[str, str]:
    import sklearn

    versions = {"phasewell": __version__, "numpy": np.__version__, "scikit-learn": sklearn.__version__}
    if kind == "xgboost":
        import xgboost

        versions["xgboost"] = xgboost.__version__
    if kind == "forest":
        import skops

        versions["skops"] = skops.__version__
    return versions


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"model {path}: cannot be read ({error.strerror}); fit the model again") from error


def _write_json(path: Path, document: dict[str, Any] | Sequence[Any]) -> None:
    with path.open("w", encoding="utf-8") as file:
        json.dump(document, file, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
