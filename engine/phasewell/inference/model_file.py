"""A model on disk: a folder with a card, its weights and its ONNX graph. Nothing in it can run code.

`model.json` is written last and names the SHA-256 of the other two; the digest of its own bytes is the model's.
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from phasewell.durable import replace_file
from phasewell.errors import InputError, OutputError, PhasewellError, SecurityError
from phasewell.inference.preparation import SHRINK, Mode
from phasewell.networks import check_network, check_picture

CARD_NAME, WEIGHTS_NAME, ONNX_NAME = "model.json", "weights.safetensors", "model.onnx"
REMEDY = "copy the model's folder again from where it was made"
_EXTERNAL = b"\x0a\x08location"  # the key of a tensor whose values lie in another file, as protobuf writes it
_LARGEST_HEADER = 100_000_000  # of a safetensors file, as its own readers limit it

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
AnyCard = TypeVar("AnyCard", bound=BaseModel)
Side = Annotated[int, Field(ge=SHRINK, le=100_000)]


class GateRecord(BaseModel):
    """What float32 torch made of the gate's pictures when the model was written: every backend is held to it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    seed: int
    logits: tuple[tuple[float, ...], ...]  # (pictures, classes)


class TrainingRecord(BaseModel):
    """How the weights were learned, from what, and how well they did on lines they never saw."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    plate: str
    simulated: bool
    frames: dict[str, Any]  # which frames became pictures, how many of each line, what was left out and why
    data_sha256: Sha256  # of pictures, targets and lines of both sides
    code_version: str
    recipe: dict[str, Any]  # phasewell.learning.TrainingRecipe
    weights_sha256: Sha256 | None  # of the file that the convolutions began from
    precision: str  # of the training; its device is "cpu" or "cuda"
    device: str
    training_lines: tuple[str, ...]
    validation_lines: tuple[str, ...]  # they chose the pass that was kept
    test_lines: tuple[str, ...]  # no choice has seen them
    passes: int
    best_epoch: int | None  # place of the kept pass, from 0; null: the last one, none was compared
    evaluated_on: Literal["test", "validation"] | None  # validation is optimistic: it chose the pass
    evaluation: dict[str, Any] | None


class ModelCard(BaseModel):
    """All that must be known to use a model: what it is, what it wants to see, and which files belong to it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    format: Literal[1] = 1
    network: str  # one of phasewell.networks.NETWORKS
    classes: tuple[str, ...]  # names, in the order of the logits
    dense: tuple[int, ...] = ()  # units of the hidden layers after pooling
    dropout: float = 0.0  # of training; a served network drops nothing
    pretrained: bool  # whether the convolutions began from weights of other pictures
    origin: str  # in words: what the weights are
    frame_px: tuple[Side, Side]  # height and width of the frames it is made for
    pixel_size_um: Annotated[float, Field(gt=0)] | None  # um per px of these frames; null: bound to no scale
    frame_rule: Literal["crop", "tile"] = "crop"  # of frames of another size, see `phasewell.inference.framing`
    brightness: Mode = "offset"  # how the mean grey level becomes 130
    resize: Literal["linear"] = "linear"  # to a quarter of each side
    channels: Literal["replicate"] = "replicate"  # the grey picture in every channel
    mean: tuple[float, ...]  # per channel, of pictures in 0..1
    std: tuple[float, ...]
    training: TrainingRecord | None = None  # null: never trained, or made elsewhere
    gate: GateRecord
    sha256: dict[Literal["weights.safetensors", "model.onnx"], Sha256]

    @model_validator(mode="after")
    def _agrees(self) -> ModelCard:
        check_network(self.network, len(self.classes), self.dense, self.dropout)
        if any(side % SHRINK for side in self.frame_px):
            raise ValueError(f"frame_px {self.frame_px}: expected sides divisible by {SHRINK}")
        check_picture(self.network, self.picture_px)
        if len(set(self.classes)) != len(self.classes) or not all(self.classes):
            raise ValueError(f"classes {self.classes}: expected distinct names")
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise ValueError("mean and std: expected three values each, std above 0")
        if {len(row) for row in self.gate.logits} != {len(self.classes)}:
            raise ValueError("gate.logits: expected one value per class and at least one picture")
        if set(self.sha256) != {WEIGHTS_NAME, ONNX_NAME}:
            raise ValueError(f"sha256: expected {WEIGHTS_NAME} and {ONNX_NAME}")
        return self

    @property
    def picture_px(self) -> tuple[int, int]:
        """Height and width of the pictures of its frames."""
        return self.frame_px[0] // SHRINK, self.frame_px[1] // SHRINK


@dataclass(frozen=True)
class Model:
    """A model folder whose files were checked. `sha256` is the digest of its card, which names those of its files."""

    folder: Path
    card: ModelCard
    sha256: str

    @property
    def weights(self) -> Path:
        """The safetensors file."""
        return self.folder / WEIGHTS_NAME

    @property
    def onnx(self) -> Path:
        """The ONNX file."""
        return self.folder / ONNX_NAME


def read_model(folder: Path | str) -> Model:
    """Return the model of a folder after checking its card and the SHA-256 of its files.

    Raises InputError naming the file that is absent, damaged or not what the card says, and SecurityError for pickled
    weights and for ONNX that points at other files.
    """
    folder = Path(folder)
    path = folder / CARD_NAME
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"model {folder}: no {CARD_NAME} ({error.strerror}); expected a folder with {CARD_NAME}, {WEIGHTS_NAME} "
            f"and {ONNX_NAME}; {REMEDY}"
        ) from error
    card = parse_card(ModelCard, path, data, REMEDY)
    for name, expected in card.sha256.items():
        _check_file(folder / name, expected)
    return Model(folder, card, hashlib.sha256(data).hexdigest())


def write_model(folder: Path, card: ModelCard, weights: bytes, onnx: bytes) -> Model:
    """Write a model folder, the card last; raises OutputError when there is a model already."""
    folder = Path(folder)
    if (folder / CARD_NAME).exists():
        raise OutputError(f"model {folder}: holds a model already; choose another folder or remove that one")
    replace_file(folder / WEIGHTS_NAME, weights)
    replace_file(folder / ONNX_NAME, onnx)
    replace_file(folder / CARD_NAME, card_bytes(card))
    return read_model(folder)


def parse_card(kind: type[AnyCard], path: Path, data: bytes, remedy: str) -> AnyCard:
    """Return a card from the bytes of its file; raises InputError naming the file, the first wrong key and `remedy`."""
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"model {path}: {where}: {first['msg']}; {remedy}") from error
    except PhasewellError as error:
        raise InputError(f"model {path}: {error}; {remedy}") from error


def card_bytes(card: BaseModel) -> bytes:
    """Return what the file of a card holds; the SHA-256 of these bytes is the card's digest."""
    return json.dumps(card.model_dump(mode="json"), indent=1).encode() + b"\n"


def check_onnx(path: Path, expected: str, named_by: str = CARD_NAME, remedy: str = REMEDY) -> None:
    """Raise SecurityError for ONNX that keeps weights in other files, InputError for bytes of another SHA-256."""
    data = _read(path, remedy)
    if _EXTERNAL in data:
        raise SecurityError(f"model {path}: keeps weights in other files; export it again with all weights inside")
    _check_digest(path, data, expected, named_by, remedy)


def _check_file(path: Path, expected: str) -> None:
    if path.name == ONNX_NAME:
        check_onnx(path, expected)
        return
    data = _read(path, REMEDY)
    _check_weights(path, data)
    _check_digest(path, data, expected, CARD_NAME, REMEDY)


def _read(path: Path, remedy: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"model {path}: cannot be read ({error.strerror}); {remedy}") from error


def _check_digest(path: Path, data: bytes, expected: str, named_by: str, remedy: str) -> None:
    if hashlib.sha256(data).hexdigest() != expected:
        raise InputError(f"model {path}: its bytes do not have the SHA-256 that {named_by} names; {remedy}")


def _check_weights(path: Path, data: bytes) -> None:
    if data[:2] == b"PK" or data[:1] == b"\x80":
        raise SecurityError(
            f"model {path}: pickled weights, which could run code; expected safetensors: save them with "
            "safetensors.torch.save_file"
        )
    length = struct.unpack("<Q", data[:8])[0] if len(data) >= 8 else 0
    if not (2 <= length <= min(_LARGEST_HEADER, len(data) - 8) and data[8:9] == b"{"):
        raise InputError(f"model {path}: not a safetensors file; {REMEDY}")
