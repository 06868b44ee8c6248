"""How a network is taught: what paper K leaves to its Supplementary Table 1 is a field here, with a reason."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from phasewell.networks.building import MOST_DENSE_LAYERS, MOST_DENSE_UNITS

Rate = Annotated[float, Field(gt=0, le=1)]
Epochs = Annotated[int, Field(ge=0, le=10_000)]
Units = Annotated[int, Field(ge=1, le=MOST_DENSE_UNITS)]


class TrainingRecipe(BaseModel):
    """The hyperparameters of one training: the head, then the whole network (paper K, K10-K12).

    The paper names the methods (He-normal, Adam, early stopping, L2, dropout) and, in the text, no value: defaults are
    the usual ones of transfer learning, and a search chooses dense, dropout, l2, head_rate, tune_rate and batch.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    dense: Annotated[tuple[Units, ...], Field(max_length=MOST_DENSE_LAYERS)] = (256,)
    """Units of the hidden layers after global average pooling; none = pooled features straight into the last layer."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Share of a hidden layer's values that is dropped at each step; 0.5 as in Srivastava et al. 2014."""
    l2: Annotated[float, Field(ge=0, le=1)] = 1e-4
    """The loss gains l2 / 2 times the sum of squared weights of what is taught, without biases and batch norm. Adam
    sees it as part of the gradient (Adam + L2), which is not AdamW's decay."""
    head_rate: Rate = 1e-3
    """Adam's rate while only the head is taught; 1e-3 is Adam's own default."""
    tune_rate: Rate = 1e-5
    """Adam's rate while everything is taught: reduced, so that the weights of other pictures are not washed out."""
    schedule: Literal["constant", "cosine"] = "constant"
    """Of both rates over the passes of their step: cosine falls from the rate to next to nothing by half a cosine
    (Loshchilov and Hutter 2017), which a network without weights of other pictures needs: at a constant rate its last
    passes judge unseen lines now well, now badly. With cosine, patience belongs as high as the passes."""
    head_epochs: Epochs = 30
    """At most so many passes for the head; 0 = the head is taught with everything else."""
    tune_epochs: Epochs = 50
    """At most so many passes for the whole network; 0 = the extractor stays as it came."""
    patience: Annotated[int, Field(ge=1)] = 8
    """Each step ends after so many passes without a better one; it goes on from, or leaves, its best."""
    monitor: Literal["loss", "accuracy"] = "loss"
    """What better means, on the validation frames. The loss moves where few lines leave the accuracy at a level."""
    batch: Annotated[int, Field(ge=4, le=4096)] = 32
    """Pictures per step, at most: a pass is cut into nearly equal batches, so that no batch norm sees a rest of one.
    Teaching densenet121 in f32 holds about 0.18 GB for each picture of 226 x 306 px."""
    batch_norm: Literal["adapt", "frozen"] = "adapt"
    """While everything is taught: adapt = statistics of the batch, as in "the entire network was fine-tuned"; frozen =
    those that came with the weights. While only the head is taught they are always frozen."""
    precision: Literal["auto", "f32", "bf16"] = "auto"
    """Of convolutions and dense layers; sums, norms and Adam stay float32. auto: bf16 on a GPU that has it, f32 on a
    CPU. The one that was used is in the result."""
    augmentation: Literal["none", "flips"] = "none"
    """none: as in the paper, which states none. flips: each picture mirrored or not, both ways, at random."""
    averaging: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Above 0, what is judged, kept and served is a running average of the weights over the steps of Adam (Polyak and
    Juditsky 1992), statistics of batch norm included: after each step it keeps this share of itself, so that about
    1 / (1 - averaging) steps count; 0.998 is some 500. A network without weights of other pictures that is taught on
    noisy frames swings from pass to pass, its average does not. 0: the weights themselves, as in the paper."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Of new weights, the order of pictures, dropout and flips."""

    @model_validator(mode="after")
    def _agrees(self) -> TrainingRecipe:
        if not self.head_epochs + self.tune_epochs:
            raise ValueError("head_epochs and tune_epochs are 0: nothing would be taught")
        if self.head_epochs and self.tune_rate > self.head_rate:
            raise ValueError(
                f"tune_rate {self.tune_rate:g} above head_rate {self.head_rate:g}: the last step is at a reduced rate"
            )
        return self


SCRATCH = TrainingRecipe(head_epochs=0, tune_rate=1e-3)
"""Without weights of other pictures: no frozen extractor, for random features are nothing to keep, and Adam's own rate
for everything."""
