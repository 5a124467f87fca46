"""MTL: training the weights from which the heads adapt to an image.

For each image the heads take K steps of gradient descent on the auxiliary loss, one after the
other; the primary loss after them is what the weights before them, the body and the mask network
are trained for:

    theta_0 = heads,  theta_k = theta_(k-1) - alpha lambda_in dL_aux(theta_(k-1)) / d theta,
    minimise  lambda_out sum over images of L_pri(theta_K).

The body takes no part in the steps. It runs once, for the whole batch, and what the images have
to say about its features is sent back through it together; so each image's steps are a graph of
two small networks, and only one image's graph is kept in memory at a time. As in `adapt`, the
steps follow the gradient on every third diagonal of a board of fields: of an image of one field
(64x64) that is all, of one of 2x2 fields (128x128) a quarter, of a larger one about a third.
"""

import functools

import tensorflow as tf

from meta_aux.diagonal_fields import EVERY, cut, diagonal_fields
from meta_aux.inner_loop import apply_heads, auxiliary_gradient, descend
from meta_aux.losses import reconstruction
from meta_aux.pair_trainer import PairTrainer, pair_of
from meta_aux.real_denoiser import RealDenoiser


class MTL(PairTrainer):
    """Trains a `RealDenoiser` to adapt, on pairs of a real noisy and a clean image (Algorithm 2).

    The inner steps accumulate, as in the paper's algorithm and in its test. In the authors' code
    each of them starts from the unadapted weights again, so that it trains for a single step.
    The images' height and width must be known when the training is traced.

    Args:
        denoiser: The `RealDenoiser` to train. Without a mask network the auxiliary loss is the
            plain reconstruction loss.
        steps: Number K of inner steps.
        learning_rate: Their learning rate alpha, of plain gradient descent. Times `inner_weight`
            it replaces the denoiser's `log_rates` at once, which `adapt` uses for this loss; `None`
            keeps those.
        inner_weight: Weight lambda_in of the auxiliary loss.
        outer_weight: Weight lambda_out of the primary loss.
        adapt_body: Whether the body takes part in the inner steps too (the paper's ablation).
        every: Of so many diagonals of fields the inner steps look at one; 1 for all of them. The
            paper's loss is of the whole image; here the heads see each field of its features by
            itself, zeros beyond it.
        name: Name of the trainer.

    Reference:
        "Test-time Adaptation for Real Image Denoising via Meta-transfer Learning",
        arXiv 2207.02066, section 3.3.

    Example:

    >>> denoiser = RealDenoiser(MultiTask(), MaskNetwork())
    >>> trainer = MTL(denoiser)
    >>> trainer.compile(optimizer=keras.optimizers.Adam(5e-5, epsilon=1e-8))
    >>> trainer.fit(pair_patches(pairs, 128, 2, seed=0), epochs=150, steps_per_epoch=500)

    With an optimizer for them, every tensor of the heads gets a learning rate of its own:

    >>> trainer.compile(
    ...     optimizer=keras.optimizers.Adam(5e-5, epsilon=1e-8),
    ...     rates_optimizer=keras.optimizers.Adam(0.02),
    ... )
    """

    def __init__(
        self,
        denoiser: RealDenoiser,
        steps: int = 5,
        learning_rate: float | None = 5e-5,
        inner_weight: float = 10.0,
        outer_weight: float = 10.0,
        adapt_body: bool = False,
        every: int = EVERY,
        name: str = "mtl",
    ):
        super().__init__(denoiser, ("loss", "loss_before", "mask"), name)
        if steps < 1:
            raise ValueError(f"MTL: steps must be at least 1, got {steps}")
        if every < 1:
            raise ValueError(f"MTL: every must be at least 1, got {every}")
        if learning_rate is not None and not (learning_rate > 0 and inner_weight > 0):
            raise ValueError(
                "MTL: learning_rate and inner_weight must be above 0, got "
                f"{learning_rate} and {inner_weight}"
            )
        if not outer_weight > 0:
            raise ValueError(f"MTL: outer_weight must be above 0, got {outer_weight}")
        if adapt_body and learning_rate is None:
            raise ValueError("MTL: the denoiser's rates are the heads'; adapt_body needs one")
        self.steps = steps
        self.adapt_body = adapt_body
        self.every = every
        if learning_rate is not None:
            rates = tf.fill(denoiser.log_rates.shape, inner_weight * learning_rate)
            denoiser.log_rates.assign(tf.math.log(rates))
        self._outer_weight = outer_weight

    def compile(self, optimizer, rates_optimizer=None, run_eagerly=False, jit_compile="auto"):
        """Configures the trainer. The loss is its own, and not scaled: it is not for float16.

        Args:
            optimizer: Keras optimizer of body, heads and mask network.
            rates_optimizer: Keras optimizer of the logarithms of the inner steps' learning
                rates, which stay as they are without it. (Meta-SGD: Z. Li et al., "Meta-SGD:
                Learning to Learn Quickly for Few-Shot Learning", 2017.)
            run_eagerly, jit_compile: As in `keras.Model.compile`.
        """
        adapting = self.denoiser.network if self.adapt_body else self.denoiser.network.heads
        if len(adapting.trainable_variables) < len(adapting.variables):
            raise ValueError("MTL: what adapts is frozen; set denoiser.network.trainable = True")
        if rates_optimizer is not None and self.adapt_body:
            raise ValueError("MTL: rates are learned for the heads; leave out adapt_body")
        self.rates_optimizer = self._compile(optimizer, rates_optimizer, run_eagerly, jit_compile)
        # Built here, so that its state is always in this order, in checkpoints as well.
        self.optimizer.build(self.denoiser.trainable_variables)
        if self.rates_optimizer is not None:
            self.rates_optimizer.build([self.denoiser.log_rates])

    def train_step(self, data):
        """Updates body, heads and mask network."""
        noisy, clean = pair_of(data)
        network = self.denoiser.network
        adapting = network if self.adapt_body else network.heads
        shared_weights = self.denoiser.mask_weights
        if not self.adapt_body:
            shared_weights = network.body.trainable_variables + shared_weights

        fields = _fields(noisy.shape, self.every)

        with tf.GradientTape() as tape:
            shared = noisy if self.adapt_body else network.body(noisy)
            # Each field's mask is that of a patch which stands by itself, as in `adapt`.
            patches = tf.reshape(cut(noisy, fields), (-1, *noisy[0, *fields[0]].shape))
            mask = self.denoiser.predict_mask(patches)
            mask = tf.reshape(mask, (-1, len(fields), *mask.shape[1:]))
        like = [shared[0], mask[0], self.denoiser.log_rates.value]
        like += [weight.value for weight in adapting.trainable_variables]
        losses, gradients = tf.map_fn(
            lambda image: self._adapt_and_differentiate(fields, *image),
            (noisy, clean, shared, mask),
            parallel_iterations=1,
            fn_output_signature=(
                [noisy.dtype] * 2,
                [tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in like],
            ),
        )
        by_shared, by_mask, by_rates, *by_start = gradients
        by_start = [tf.reduce_sum(gradient, axis=0) for gradient in by_start]
        by_shared_weights = tape.gradient(
            [shared, mask],
            shared_weights,
            output_gradients=[by_shared, by_mask],
        )
        self.optimizer.apply(
            [*by_start, *by_shared_weights], [*adapting.trainable_variables, *shared_weights]
        )
        if self.rates_optimizer is not None:
            self.rates_optimizer.apply([tf.reduce_sum(by_rates, axis=0)], [self.denoiser.log_rates])

        for name, value in zip(("loss", "loss_before"), losses, strict=True):
            self._trackers[name].update_state(value)
        self._trackers["mask"].update_state(tf.reduce_mean(mask))
        return {name: tracker.result() for name, tracker in self._trackers.items()}

    def _adapt_and_differentiate(self, fields, noisy, clean, shared, mask):
        """Takes an image's steps.

        Args:
            fields: The fields that the steps look at.
            noisy, clean: The pair, of shape `(height, width, channels)`.
            shared: What all of its steps share: the body's features, or the image itself.
            mask: The fields' masks, of shape `(count, height, width, 1)`.

        Returns:
            The losses after and before the steps, and the gradients of the weighted first one by
            what the image shares with the others, by its mask, by the logarithms of the learning
            rates and by the weights before.
        """
        network = self.denoiser.network

        def forward(weights, shared, noisy):
            if self.adapt_body:
                return network.stateless_call(weights, [], noisy)[0]
            return apply_heads(network, weights, shared, noisy)

        adapting = network if self.adapt_body else network.heads
        start = [tf.convert_to_tensor(weight) for weight in adapting.trainable_variables]
        log_rates = tf.convert_to_tensor(self.denoiser.log_rates)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([shared, mask, log_rates, start])
            rates = tf.unstack(tf.exp(log_rates) / len(fields))  # of the mean over the fields
            if self.adapt_body:  # the heads' rates are all the same then, and the body's
                rates = [rates[0]] * len(start)
            whole = {"shared": shared[None], "noisy": noisy[None]}
            patches = {name: cut(part, fields)[0] for name, part in whole.items()}
            forward_patches = functools.partial(forward, **patches)
            weights = start
            for _ in range(self.steps):
                gradients = auxiliary_gradient(forward_patches, weights, patches["noisy"], mask)
                weights = descend(weights, gradients, rates)
            after, before = (
                tf.reduce_mean(reconstruction(forward(these, **whole)[0], clean[None]))
                for these in (weights, start)
            )
            loss = self._outer_weight * after
        by_shared, by_mask, *others = tape.gradient(
            loss,
            [shared, mask, log_rates, *start],
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        return [after, before], [by_shared, by_mask, *others]


def _fields(shape, every):
    """Returns the fields that count of images of a shape."""
    height, width = shape[1:3]
    if height is None or width is None:
        raise ValueError(f"MTL: the images' height and width must be known, got {shape}")
    return diagonal_fields((height, width), (0, height), (0, width), every)
