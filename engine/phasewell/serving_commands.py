"""The verb `quantise`: parse, call one function, print."""

from __future__ import annotations

from pathlib import Path

import cyclopts

from phasewell.console import Json, show
from phasewell.errors import EXIT_DONE

quantise_app = cyclopts.App(name="quantise", help="Make the INT8 graph of a model, the fastest on a CPU.")


@quantise_app.default
def quantise(
    model: Path,
    plate: Path,
    /,
    *,
    line: str = "line",
    class_: str = "class",
    held_out: tuple[str, ...] = (),
    frames: int = 128,
    device: str = "cpu",
    json: Json = False,
) -> int:
    """Make the INT8 graph of a model from the labelled frames of a plate, if the AUC on held-out lines stays.

    A change of more than 0.005 is refused and nothing is written. Runs use it with inference.precision = "int8".

    Parameters
    ----------
    model
        The model's folder; model-int8.onnx and int8.json are added to it.
    plate
        A plate store whose plate map names line and class of the wells.
    line
        Column of the plate map with the donor line.
    class_
        Column of the plate map with the class.
    held_out
        Lines that say what INT8 costs, named one by one. Left out: those the model did not learn from.
    frames
        How many frames of the other lines give the ranges.
    device
        cpu, cuda:N or auto: where pictures are made.
    """
    from phasewell.runs import quantise_on_plate

    graph = quantise_on_plate(
        model,
        plate,
        line=line,
        class_=class_,
        held_out_lines=held_out or None,
        calibration_frames=frames,
        device=device,
    )
    card = graph.card
    text = (
        f"{graph.onnx}: AUC changes by {card.accuracy.auc_change:.4f} (allowed {card.allowed_auc_change}) and "
        f"{card.accuracy.class_flips} of {card.held_out_frames} held-out frames change their class; ranges of "
        f"{card.calibration_frames} frames"
    )
    show({"graph": str(graph.onnx), **card.model_dump(mode="json")}, text, json)
    return EXIT_DONE
