"""The whole of paper K in order; each step is made once, and the same call goes on where a killed one stopped."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phasewell.images import open_plate
from phasewell.networks import NETWORKS, check_network, count_work, make_network
from phasewell.runs.folder.code import training_code_version
from phasewell.runs.folder.lock import RunLock
from phasewell.runs.folder.step_ledger import StepLedger
from phasewell.runs.interruption import StopSignal, stop_on_signals
from phasewell.runs.learning.labelled_frames import label_frames
from phasewell.runs.paper_k.material import Material, central_window, choose_material, find_weights
from phasewell.runs.paper_k.scale import ReproductionScale, choose_scale
from phasewell.runs.paper_k.searching import Searcher
from phasewell.runs.paper_k.teaching import Teacher, measure_rate
from phasewell.runs.paper_k.testing import STATES, Tester

if TYPE_CHECKING:
    from phasewell.plate import Plate

Say = Callable[[str], None]


def reproduce_paper_k(
    plate: Path | str,
    output: Path | str,
    scale: ReproductionScale | str = "smoke",
    *,
    weights: Path | str | None = None,
    device: str = "auto",
    say: Say = print,
) -> dict[str, Any]:
    """Reproduce paper K on the frames of a plate store whose plate map names line and class, and return the result.

    `output` is a folder for this reproduction alone: what is done lies there, and the same call goes on from it.
    `weights` is a folder with NAME.safetensors or NAME.pth per network; a network without a file begins from He-normal
    weights. `say` is told what is being done. The result is also written as OUTPUT/result.json; the page is
    `phasewell.report.write_paper_k`.
    Raises InputError for a plate without lines of two classes, UsageError for an unknown network and a folder of
    another reproduction, LockedError while another process works there, InterruptedRunError when it is told to stop.
    """
    chosen = choose_scale(scale) if isinstance(scale, str) else scale
    for name in chosen.networks:
        check_network(name, 2)
    folder, opened = Path(output), open_plate(plate)
    files = find_weights(Path(weights) if weights else None, chosen.networks)
    with RunLock(folder), stop_on_signals() as stop:
        say(f"frames of {opened.name}")
        window = central_window(chosen, opened.frame_shape)
        frames = label_frames(opened, folder / "work", frame_px=window, device=device, stop=stop.check)
        material = choose_material(frames, chosen)
        ledger = StepLedger(folder, _identity(opened, chosen, material, files), training_code_version())
        course = _Course(opened, folder, chosen, material, ledger, files, device, stop, say)
        return ledger.finish(course.run())


def _identity(plate: Plate, scale: ReproductionScale, material: Material, files: dict[str, Path]) -> dict[str, Any]:
    digests = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    return {
        "paper": "K",
        "plate": plate.name,
        "scale": scale.model_dump(mode="json"),
        "data_sha256": material.sha256,
        "weights_sha256": digests,
    }


class _Course:
    """The steps of one reproduction, in order."""

    def __init__(
        self,
        plate: Plate,
        folder: Path,
        scale: ReproductionScale,
        material: Material,
        ledger: StepLedger,
        files: dict[str, Path],
        device: str,
        stop: StopSignal,
        say: Say,
    ) -> None:
        self._plate, self._folder, self._scale, self._material = plate, folder, scale, material
        self._ledger, self._files, self._device, self._stop, self._say = ledger, files, device, stop, say

    def run(self) -> dict[str, Any]:
        """Make every step and return all of them as one document."""
        networks = {name: self._compare(name) for name in self._scale.networks}
        final, why = self._choose_final(networks)
        searcher = self._searcher(final)
        others = {}
        for method in self._scale.other_methods:
            self._say(f"{final}: {method} search")
            others[method] = searcher.search(method)["search"]
        outside = None
        if self._scale.outer_trials:
            self._say(f"{final}: the search judged by lines it never saw")
            outside = searcher.outside()
        return {
            "paper": "K",
            "scale": self._scale.model_dump(mode="json"),
            "plate": self._plate_facts(),
            "material": self._material.to_dict(),
            "networks": networks,
            "final": {"network": final, "why": why, "searches": others, "outside": outside, **self._test(final)},
            "code_versions": self._ledger.code_versions(),
        }

    def _compare(self, name: str) -> dict[str, Any]:
        searcher = self._searcher(name)
        self._say(f"{name}: search")
        found = searcher.search()
        self._say(f"{name}: initial recipe and rate")
        height, width = self._material.pictures.pictures.shape[1:]
        frames = self._material.development[: self._scale.rate_frames]

        def measure() -> dict[str, Any]:
            network = make_network(name, 2, found["search"]["best"]["dense"])
            work = count_work(network, height, width)
            return {
                "rate": measure_rate(searcher.teacher, _served(network), frames),
                "multiply_adds": work.multiply_adds,
                "parameters": work.parameters,
                "features": NETWORKS[name].features,
                "timm_name": NETWORKS[name].timm_name,
            }

        facts = self._ledger.once(f"{name}-facts", measure)
        return {**found, "initial": searcher.initial(), "facts": facts, "pretrained": name in self._files}

    def _test(self, final: str) -> dict[str, Any]:
        tester = Tester(self._teacher(final), self._ledger, self._material, self._scale)
        searcher = self._searcher(final)
        judged = {"before": searcher.initial(), "after": searcher.search()["best"]}
        found: dict[str, Any] = {}
        for state in STATES:
            self._say(f"{final}: retrained on {len(self._material.development)} frames, {state} optimisation")
            trained = tester.retrain(state, judged[state])
            found[state] = {"test": tester.test(state, trained)}
            self._say(f"{final}: t-SNE {state} optimisation")
            found[state]["embedding"] = tester.embed(state, trained)
        self._say(f"{final}: saliency")
        found["saliency"] = tester.explain(trained, found["after"]["test"])
        self._say(f"{final}: model folder")
        found["model"] = tester.keep(self._plate, trained)
        return found

    def _choose_final(self, networks: dict[str, Any]) -> tuple[str, str]:
        values = {name: found["search"]["best_value"] for name, found in networks.items()}
        best = max(values, key=lambda name: values[name])
        if self._scale.chosen_final is None:
            return best, "the highest mean accuracy over folds"
        chosen = self._scale.chosen_final
        note = "also the highest" if values[chosen] == values[best] else f"the highest mean accuracy has {best}"
        return chosen, f"chosen beforehand, as the paper's network of table 2; here {note}"

    def _teacher(self, name: str) -> Teacher:
        work = self._folder / "work"
        return Teacher(name, self._material.pictures, self._device, self._files.get(name), work, self._stop.check)

    def _searcher(self, name: str) -> Searcher:
        return Searcher(self._teacher(name), self._ledger, self._material, self._scale, self._say)

    def _plate_facts(self) -> dict[str, Any]:
        plate = self._plate
        return {
            "name": plate.name,
            "frame_px": list(plate.frame_shape),
            "pixel_size_um": plate.pixel_size_um,
            "provenance": dict(plate.provenance),
            "simulated": "simulated" in plate.provenance,
        }


def _served(network: Any) -> Any:
    from phasewell.networks.pictures import PictureNetwork

    half = (0.5, 0.5, 0.5)  # neither weights nor scaling change a rate
    return PictureNetwork(network, half, half).eval()
