"""The baseline whose two heads stand side by side."""

from collections.abc import Sequence

import keras
from keras import layers

from meta_aux.multi_task import FILTERS, MultiTask, PrimaryHead


class ParallelHeadPair(keras.Model):
    """Two heads that see the body's features and nothing of each other.

    Arguments, inputs and outputs are those of `multi_task.Heads`.
    """

    def __init__(self, filters, channels, policy):
        images = policy.variable_dtype
        features = keras.Input((None, None, filters), dtype=policy.compute_dtype, name="features")
        noisy = keras.Input((None, None, channels), dtype=images, name="noisy")
        residual = PrimaryHead(filters, channels, policy)(features)
        clean = layers.Add(dtype=images, name="clean")([noisy, residual])
        predicted = PrimaryHead(filters, channels, policy, name="auxiliary_head")(features)
        predicted = layers.Identity(dtype=images, name="predicted")(predicted)
        super().__init__(inputs=[features, noisy], outputs=[clean, predicted], name="heads")


@keras.saving.register_keras_serializable("meta_aux")
class ParallelHeads(MultiTask):
    """`MultiTask` with the heads of Chi et al. 2021: one body, two heads in parallel.

    The auxiliary loss reaches the primary head through the body alone: where the body is frozen,
    the clean image cannot adapt by it. Arguments, inputs and outputs are those of `MultiTask`.

    Reference:
        "Test-time Adaptation for Real Image Denoising via Meta-transfer Learning",
        arXiv 2207.02066, figure 4.

    Example:

    >>> ParallelHeads().count_params()
    620064
    """

    _heads = ParallelHeadPair

    def __init__(
        self,
        filters: Sequence[int] = FILTERS,
        channels: int = 3,
        dtype: str | keras.DTypePolicy | None = None,
        name: str = "parallel_heads",
    ):
        super().__init__(filters, channels, dtype, name)
