"""What the trainers of a `RealDenoiser` have in common."""

import keras

from meta_aux.real_denoiser import RealDenoiser


class PairTrainer(keras.Model):
    """Trains a `RealDenoiser` on pairs of a noisy and a clean image; `MAXL` and `MTL` say how.

    Losses are a subclass's own, and not scaled: it is not for float16.

    Raises:
        ValueError: If the network or the mask network computes in float16.

    Args:
        denoiser: The `RealDenoiser` to train, whose dtype policy is the trainer's as well.
        means: Names of the means that `fit` reports.
        name: Name of the trainer.
    """

    def __init__(self, denoiser: RealDenoiser, means: tuple[str, ...], name: str):
        super().__init__(name=name, dtype=denoiser.dtype_policy)
        for network in (denoiser.network, denoiser.mask_network):
            if network is not None and any(
                layer.compute_dtype == "float16"
                for layer in network._flatten_layers(recursive=True)
                if not isinstance(layer, keras.Model)
            ):
                raise ValueError(f"{name}: losses are not scaled; use mixed_bfloat16, not float16")
        self.denoiser = denoiser
        self._trackers = {name: keras.metrics.Mean(name=name) for name in means}
        self.built = True

    def _compile(self, optimizer, second_optimizer, run_eagerly, jit_compile):
        """Does what every subclass's `compile` does; returns the second optimizer, or `None`."""
        super().compile(
            optimizer=optimizer,
            run_eagerly=run_eagerly,
            jit_compile=jit_compile,
            auto_scale_loss=False,
        )
        return second_optimizer and keras.optimizers.get(second_optimizer)

    def call(self, noisy):
        """Denoises images, without adaptation."""
        return self.denoiser(noisy)

    @property
    def metrics(self):
        """The means that `fit` reports and resets."""
        return list(self._trackers.values())


def pair_of(data):
    """Takes apart what Keras hands to a `train_step`.

    Args:
        data: `(noisy, clean)`, or with `None` for the weights of the samples.

    Returns:
        The noisy and the clean images.

    Raises:
        ValueError: If samples are weighted, which no method here knows.
    """
    noisy, clean, weights = keras.utils.unpack_x_y_sample_weight(data)
    if weights is not None:
        raise ValueError("training on pairs takes no sample_weight")
    return noisy, clean
