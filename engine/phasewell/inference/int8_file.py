"""The INT8 graph of a model: two more files in its folder, made from its ONNX graph and bound to the model's digest.

`model-int8.onnx` is the graph with explicit quantisation (QuantizeLinear, DequantizeLinear); `int8.json` is its card,
written last. Neither changes the model: its digest, and scores made with it in other precisions, stay as they are.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from phasewell.durable import replace_file
from phasewell.errors import InputError, OutputError
from phasewell.inference.model_file import GateRecord, Model, Sha256, card_bytes, check_onnx, parse_card

INT8_CARD_NAME, INT8_ONNX_NAME = "int8.json", "model-int8.onnx"
REMEDY = "make it again: `phasewell quantise`"

Auc = Annotated[float, Field(ge=0, le=1)]


class Int8Accuracy(BaseModel):
    """What INT8 changed on held-out frames, against float32."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    auc: tuple[Auc, ...]  # of each class against the others, ties 1/2
    auc_change: Annotated[float, Field(ge=0)]  # the largest over the classes, without its sign
    class_flips: Annotated[int, Field(ge=0)]  # frames whose most probable class is another
    largest_difference: Annotated[float, Field(ge=0)]  # of a logit, in units of the largest one or of 1


class Int8Card(BaseModel):
    """How a graph was quantised, from which model, and what that cost."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    format: Literal[1] = 1
    model_sha256: Sha256  # digest of the card of the model it was made from
    sha256: Sha256  # of model-int8.onnx
    made_by: str  # versions and instruction set
    calibration_frames: Annotated[int, Field(ge=1)]
    calibration_sha256: Sha256  # of the pictures that gave the ranges
    held_out_frames: Annotated[int, Field(ge=2)]
    held_out_sha256: Sha256  # of the pictures that the change was measured on, none of which gave ranges
    auc_f32: tuple[Auc, ...]
    allowed_auc_change: Annotated[float, Field(ge=0, le=1)]
    accuracy: Int8Accuracy  # of the graph as it is: levels 0..255, which processors multiply
    signed_accuracy: Int8Accuracy  # with levels -127..127 around zero instead, which GPUs multiply
    gate: GateRecord  # what the graph made of the gate's pictures where it was quantised

    @model_validator(mode="after")
    def _agrees(self) -> Int8Card:
        if self.accuracy.auc_change > self.allowed_auc_change:
            raise ValueError("accuracy: the change of AUC is larger than allowed")
        return self


@dataclass(frozen=True)
class Int8Graph:
    """The INT8 graph of a model, checked. `sha256` is the digest of its card, which names those of graph and model."""

    onnx: Path
    card: Int8Card
    sha256: str


def read_int8(model: Model) -> Int8Graph:
    """Return the INT8 graph of a model after checking its card and digests.

    Raises InputError where there is none, where it is damaged and where it was made from another model, SecurityError
    for ONNX that points at other files.
    """
    path = model.folder / INT8_CARD_NAME
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"model {model.folder}: no {INT8_CARD_NAME} ({error.strerror}), so it cannot be served in int8; "
            "quantise it first, which needs labelled frames: `phasewell quantise`; or choose f32 or bf16"
        ) from error
    card = parse_card(Int8Card, path, data, REMEDY)
    if card.model_sha256 != model.sha256:
        raise InputError(
            f"model {path}: was made from model {card.model_sha256[:12]}, this one is {model.sha256[:12]}; {REMEDY}"
        )
    onnx = model.folder / INT8_ONNX_NAME
    check_onnx(onnx, card.sha256, INT8_CARD_NAME, REMEDY)
    return Int8Graph(onnx, card, hashlib.sha256(data).hexdigest())


def refuse_existing(model: Model) -> None:
    """Raise OutputError when a model has an INT8 graph."""
    if (model.folder / INT8_CARD_NAME).exists():
        raise OutputError(f"model {model.folder}: holds an INT8 graph already; remove {INT8_CARD_NAME} to make another")


def write_int8(model: Model, card: Int8Card, onnx: bytes) -> Int8Graph:
    """Write the INT8 graph of a model, the card last; raises OutputError when there is one already."""
    refuse_existing(model)
    replace_file(model.folder / INT8_ONNX_NAME, onnx)
    replace_file(model.folder / INT8_CARD_NAME, card_bytes(card))
    return read_int8(model)
