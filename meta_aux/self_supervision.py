"""What a noisy image has to say of its own denoising: the losses that heads adapt by.

None of them needs the truth. `auxiliary` is the paper's: the heads' second output must be the
noisy image again. `restored` makes a training pair of the image itself: the clean image that the
network finds is taken for the truth, and gets back the noise that was found in it, turned by half
a turn, so that its pixels are noisy in another way; the network must find the same image again.
"""

import tensorflow as tf

from meta_aux.inner_loop import auxiliary_gradient, descend
from meta_aux.losses import reconstruction


class Auxiliary:
    """Steps of gradient descent on the masked reconstruction loss (Algorithm 3)."""

    descend = staticmethod(descend)

    def rates(self, model):
        """Returns the learning rates of the heads' tensors: the model's own."""
        return tf.exp(model.log_rates).numpy()

    @tf.function(reduce_retracing=True)
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
        return features, noisy, model.predict_mask(noisy)

    @tf.function(reduce_retracing=True)
    def gradient(self, model, weights, features, noisy, mask):
        """Differentiates the sum of the patches' losses by the heads' weights."""

        def forward(weights):
            return model.network.heads.stateless_call(weights, [], [features, noisy])[0]

        return auxiliary_gradient(forward, weights, noisy, mask)[0]


class Restored:
    """Steps on pairs that are made of the image itself.

    Each tensor's step is along its gradient, and as long as its rate times the tensor itself: the
    gradient of an absolute difference says more of the direction than of the distance.

    Reference:
        S. Lee, D. Cho, J. Kim, T. H. Kim, "Restore from Restored: Single Image Denoising with
        Pseudo Clean Image", arXiv 2003.04721. There the noise that is added is drawn from a known
        distribution.
    """

    # The best of 0.001, 0.002, 0.003 and 0.004 on PolyU's validation scenes.
    RATE = 3e-3

    def rates(self, model):
        """Returns the relative learning rates of the heads' tensors, all the same."""
        return [self.RATE] * len(model.network.heads.trainable_variables)

    @tf.function(reduce_retracing=True)
    def prepare(self, model, weights, features, noisy):
        """Makes the pairs; arguments and result are as for `Auxiliary.prepare`."""
        clean = model.network.heads.stateless_call(weights, [], [features, noisy])[0][0]
        clean = tf.clip_by_value(clean, 0, 1)
        turned = tf.reverse(noisy - clean, axis=[1, 2])
        again = tf.clip_by_value(clean + turned, 0, 1)
        return model.network.body(again), again, clean

    @tf.function(reduce_retracing=True)
    def gradient(self, model, weights, features, noisy, clean):
        """Differentiates the sum of the patches' losses by the heads' weights."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            restored = model.network.heads.stateless_call(weights, [], [features, noisy])[0][0]
            loss = reconstruction(restored, clean)
        # The auxiliary head has no part in it.
        return tape.gradient(loss, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    @staticmethod
    def descend(weights, gradients, rates):
        """Takes a step; arguments and result are those of `inner_loop.descend`."""
        steps = []
        for weight, gradient in zip(weights, gradients, strict=True):
            length = tf.norm(gradient)
            steps.append(tf.math.divide_no_nan(tf.norm(weight), length) * gradient)
        return descend(weights, steps, rates)


LOSSES = {"auxiliary": Auxiliary(), "restored": Restored()}
