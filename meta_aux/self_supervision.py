"""What a noisy image has to say of its own denoising: the losses that heads adapt by.

None of them needs the truth. `auxiliary` is the paper's: the heads' second output must be the
noisy image again. `restored` makes a training pair of the image itself: the clean image that the
network finds is taken for the truth, and gets back the noise that was found in it, turned by half
a turn, so that its pixels are noisy in another way; the network must find the same image again.
"""

import functools

import tensorflow as tf

from meta_aux.inner_loop import apply_heads, auxiliary_gradient, descend
from meta_aux.losses import reconstruction


class SelfSupervision:
    """A loss of patches of a noisy image, and the steps that heads take down its gradient."""

    def rates(self, model):
        """Returns the learning rates of the heads' tensors, by default."""
        raise NotImplementedError

    def prepare(self, model, weights, features, noisy):
        """Computes what stays the same in all steps.

        Args:
            model: A `RealDenoiser`.
            weights: The heads' weights before the steps, list of tensors.
            features: The body's features of the patches.
            noisy: Patches, tensor of shape `(count, height, width, channels)`.

        Returns:
            Tuple of tensors, for `gradient`.
        """
        raise NotImplementedError

    def gradient(self, model, weights, *prepared):
        """Differentiates the sum of the patches' losses by the heads' weights.

        Args:
            model: A `RealDenoiser`.
            weights: The heads' weights, list of tensors.
            *prepared: What `prepare` returned.

        Returns:
            The list of gradients.
        """
        raise NotImplementedError

    def descend(self, weights, gradients, rates):
        """Takes a step; arguments and result are those of `inner_loop.descend`."""
        return descend(weights, gradients, rates)


class Auxiliary(SelfSupervision):
    """Steps of gradient descent on the masked reconstruction loss (Algorithm 3)."""

    def rates(self, model):
        """Returns the model's own rates."""
        return tf.exp(model.log_rates).numpy()

    @tf.function(reduce_retracing=True)
    def prepare(self, model, weights, features, noisy):
        """Computes the mask."""
        return features, noisy, model.predict_mask(noisy)

    @tf.function(reduce_retracing=True)
    def gradient(self, model, weights, features, noisy, mask):
        """Differentiates the masked reconstruction loss."""
        forward = functools.partial(apply_heads, model.network, features=features, noisy=noisy)
        return auxiliary_gradient(forward, weights, noisy, mask)


class Restored(SelfSupervision):
    """Steps on pairs that are made of the image itself.

    Each tensor's step is along its gradient, and as long as its rate times the tensor itself: the
    gradient of an absolute difference says more of the direction than of the distance.

    Reference:
        "Restore from Restored: Video Restoration with Pseudo Clean Video", 2020. There the pairs
        are made of a video's frames by a known degradation.
    """

    # Chosen on PolyU's validation scenes, see results/real_log.md.
    RATE = 3e-3

    def rates(self, model):
        """Returns a rate relative to the tensors' lengths, the same for all."""
        return [self.RATE] * len(model.network.heads.trainable_variables)

    @tf.function(reduce_retracing=True)
    def prepare(self, model, weights, features, noisy):
        """Makes the pairs."""
        clean, _ = apply_heads(model.network, weights, features, noisy)
        clean = tf.clip_by_value(clean, 0, 1)
        turned = tf.reverse(noisy - clean, axis=[1, 2])
        again = tf.clip_by_value(clean + turned, 0, 1)
        return model.network.body(again), again, clean

    @tf.function(reduce_retracing=True)
    def gradient(self, model, weights, features, noisy, clean):
        """Differentiates the reconstruction loss of the clean image."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            restored, _ = apply_heads(model.network, weights, features, noisy)
            loss = reconstruction(restored, clean)
        # The auxiliary head has no part in it.
        return tape.gradient(loss, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    def descend(self, weights, gradients, rates):
        """Takes a step whose length is relative to the weights'."""
        steps = [
            tf.math.divide_no_nan(tf.norm(weight), tf.norm(gradient)) * gradient
            for weight, gradient in zip(weights, gradients, strict=True)
        ]
        return super().descend(weights, steps, rates)


LOSSES: dict[str, SelfSupervision] = {"auxiliary": Auxiliary(), "restored": Restored()}
