"""The final network retrained on all lines but the test lines, before and after optimisation, and looked into."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from phasewell.durable import replace_file
from phasewell.inference import read_model
from phasewell.inference.model_file import CARD_NAME
from phasewell.learning import TrainingRecipe, evaluate_frames
from phasewell.learning.training import Trained
from phasewell.runs.folder.step_ledger import StepLedger
from phasewell.runs.learning.training import LineRoles, write_trained
from phasewell.runs.paper_k.material import Material
from phasewell.runs.paper_k.scale import ReproductionScale
from phasewell.runs.paper_k.teaching import Teacher, measure_rate, summarise_course, without_validation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phasewell.plate import Plate

State = Literal["before", "after"]
STATES: tuple[State, ...] = ("before", "after")


@dataclass(frozen=True)
class Tester:
    """The final network of a reproduction; what it was taught stays in a checkpoint, and is taught only once."""

    teacher: Teacher
    ledger: StepLedger
    material: Material
    scale: ReproductionScale

    def retrain(self, state: State, judged: dict[str, Any]) -> Trained:
        """Teach the network with a recipe that was judged in folds, on all their lines together (K17)."""
        recipe = without_validation(TrainingRecipe.model_validate(judged["recipe"]), judged["courses"])
        place = self.ledger.folder / "networks" / f"{self.teacher.network}-{state}.ckpt"
        return self.teacher.teach(recipe, self.material.development, None, place)

    def test(self, state: State, trained: Trained) -> dict[str, Any]:
        """Return the step that judges a retrained network by the test lines, with each frame's probabilities (K18)."""

        def make() -> dict[str, Any]:
            frames, pictures = self.material.test, self.material.pictures
            probabilities = self.teacher.score(trained, frames)
            evaluation = evaluate_frames(
                pictures.targets[frames], probabilities, pictures.lines[frames], pictures.classes
            )
            return {
                "evaluation": evaluation.to_dict(),
                "recipe": trained.recipe.model_dump(mode="json"),
                "course": summarise_course(trained),
                "probabilities": probabilities.tolist(),
                "rate": measure_rate(self.teacher, trained.served(), frames[: self.scale.rate_frames]),
            }

        return self.ledger.once(f"test-{state}", make)

    def embed(self, state: State, trained: Trained) -> dict[str, Any]:
        """Return the step with the t-SNE maps of the test frames at every layer after the convolutions (K20)."""

        def make() -> dict[str, Any]:
            from phasewell.learning.embedding import LEAST_FRAMES, embed_layers, read_activations

            frames = self._drawn()
            if len(frames) < LEAST_FRAMES:
                return {"nothing": f"{len(frames)} test frames; a map needs at least {LEAST_FRAMES}"}
            pictures = self.material.pictures.take(frames)
            places, device = np.arange(len(frames)), self.teacher.device
            activations = read_activations(trained.served(), pictures.pictures, places, device)
            found = embed_layers(activations, pictures.targets, seed=self.scale.seed)
            return {
                "layers": found.to_dict(),
                "targets": pictures.targets.tolist(),
                "lines": pictures.lines.tolist(),
                "frames": [list(key) for key in pictures.keys],
                "of_frames": len(self.material.test),
            }

        return self.ledger.once(f"embedding-{state}", make)

    def explain(self, trained: Trained, tested: dict[str, Any]) -> dict[str, Any]:
        """Return the step with the saliency of test frames called rightly (K21, K22); overlays lie beside it as PNG."""

        def make() -> dict[str, Any]:
            from phasewell.learning.saliency import study_saliency

            pictures = self.material.pictures.take(self.material.test)
            positive: NDArray[np.float64] = np.array(tested["probabilities"], np.float64)[:, 1]
            if not ((positive > 0.5) == (pictures.targets == 1)).any():
                return {"nothing": "the network called no test frame rightly, so that there is none to explain"}
            study = study_saliency(
                trained.served(),
                pictures,
                positive,
                target=self.scale.explained,
                most=self.scale.explained_frames,
                examples=self.scale.shown_frames,
                checked=self.scale.shown_frames,
                seed=self.scale.seed,
            )
            for number, overlay in enumerate(study.overlays):
                replace_file(self.overlay_path(number), overlay.png)
            return study.to_dict()

        return self.ledger.once("saliency", make)

    def keep(self, plate: Plate, trained: Trained) -> dict[str, Any]:
        """Return the step that writes the retrained network as a model folder, for runs of other plates."""

        def make() -> dict[str, Any]:
            lines = tuple(sorted(set(self.material.pictures.class_of_line) - set(self.material.test_lines)))
            roles = LineRoles(lines, (), self.material.test_lines)
            folder = self.ledger.folder / "model"
            if (folder / CARD_NAME).exists():  # killed after it was written
                return {"folder": folder.name, "sha256": read_model(folder).sha256}
            model = write_trained(folder, plate, self.material.source, roles, trained, self.teacher.device)
            return {"folder": folder.name, "sha256": model.sha256}

        return self.ledger.once("model", make)

    def overlay_path(self, number: int) -> Path:
        """Return the file of an overlay by its place in the step's list."""
        return self.ledger.folder / "overlays" / f"{number:03d}.png"

    def _drawn(self) -> NDArray[np.int64]:
        """Return the test frames that are mapped: all, or evenly chosen ones, the same before and after."""
        frames, most = self.material.test, self.scale.embedded_frames
        if len(frames) <= most:
            return frames
        return frames[np.linspace(0, len(frames) - 1, most).round().astype(np.int64)]
