"""MAXL: pre-training with a mask network that is trained through the main network's step.

Let theta 1 be the weights of the multi-task network, theta 2 those of the mask network, M(theta 2)
the mask, and

    L(theta 1, theta 2) = L_pri(theta 1) + L_aux(theta 1, M(theta 2)),

the L1 distance of the clean image from the truth and the masked one of the predicted from the
real noisy image. The mask matters to the primary task by what a step with it does to theta 1:

    theta 1+ = theta 1 - alpha dL(theta 1, theta 2) / d theta 1,

and theta 2 follows the gradient of L_pri(theta 1+) + lambda L_G(M). By the chain rule, with
v = dL_pri(theta 1+) / d theta 1+,

    dL_pri(theta 1+) / d theta 2 = -alpha (d / d theta 2) (v . dL_aux / d theta 1),

a second derivative of L_aux. What is in the brackets is the derivative of L_aux in the direction
v, which the finite-difference variant takes from two more evaluations instead:

    (L_aux(theta 1 + e v) - L_aux(theta 1 - e v)) / 2e.
"""

from collections.abc import Callable

import tensorflow as tf

from meta_aux.losses import gradient_difference, masked_reconstruction, reconstruction
from meta_aux.pair_trainer import PairTrainer, pair_of
from meta_aux.real_denoiser import RealDenoiser


class MAXL(PairTrainer):
    """Pre-trains a `RealDenoiser` on pairs of a noisy and a clean image (Algorithm 1).

    Passes in which the network learns with the mask as it is alternate with passes in which the
    mask network learns through a virtual step of the network. Several devices make it together,
    on the whole batch.

    Args:
        denoiser: The `RealDenoiser` to train.
        steps_per_pass: Updates after which it is the other network's turn. The paper's passes
            are epochs: the number of batches in the data set.
        learning_rate: The virtual step's alpha. As in the paper it is one of plain gradient
            descent, while the network itself learns with Adam.
        gradient_weight: Weight lambda of the two-directional gradient loss, 0 for none.
        second_order: Whether the mask's gradient is exact, or by finite differences, which costs
            less time and memory.
        name: Name of the trainer.

    Reference:
        "Test-time Adaptation for Real Image Denoising via Meta-transfer Learning",
        arXiv 2207.02066, section 3.2.

    Example:

    >>> denoiser = RealDenoiser(MultiTask(), MaskNetwork())
    >>> trainer = MAXL(denoiser, steps_per_pass=50)
    >>> adam = [keras.optimizers.Adam(1e-3, epsilon=1e-8) for _ in range(2)]
    >>> trainer.compile(optimizer=adam[0], mask_optimizer=adam[1])
    >>> # An epoch holds a pass of either network, or every other one logs a loss of none.
    >>> trainer.fit(degraded_patches(sampler, 16), epochs=150, steps_per_epoch=100)
    """

    train_function: Callable  # Keras's own, None until it is made

    def __init__(
        self,
        denoiser: RealDenoiser,
        steps_per_pass: int,
        learning_rate: float = 1e-3,
        gradient_weight: float = 0.01,
        second_order: bool = True,
        name: str = "maxl",
    ):
        super().__init__(denoiser, ("loss", "meta_loss", "mask"), name)
        if steps_per_pass < 1:
            raise ValueError(f"MAXL: steps_per_pass must be at least 1, got {steps_per_pass}")
        if not (learning_rate > 0 and gradient_weight >= 0):
            raise ValueError(
                "MAXL: learning_rate must be above 0 and gradient_weight not below it, got "
                f"{learning_rate} and {gradient_weight}"
            )
        self.steps_per_pass = steps_per_pass
        self._settings = (learning_rate, gradient_weight)
        self._meta_gradient = meta_gradient if second_order else finite_difference_meta_gradient
        self._masks_turn = False

    def compile(self, optimizer, mask_optimizer=None, run_eagerly=False, jit_compile="auto"):
        """Configures the trainer. Losses are its own, and not scaled: it is not for float16.

        Args:
            optimizer: Keras optimizer of the network.
            mask_optimizer: Keras optimizer of the mask network. Its gradients are of the size of
                the virtual step's learning rate: choose an epsilon well below that of Keras.
                Without it the mask network stays as it is, and every pass is the network's.
            run_eagerly, jit_compile: As in `keras.Model.compile`.
        """
        network = self.denoiser.network
        if len(network.trainable_variables) < len(network.variables):
            raise ValueError("MAXL: parts of the network are frozen; set its trainable = True")
        if mask_optimizer is not None and not self.denoiser.mask_weights:
            raise ValueError("MAXL: there is no mask network for the mask_optimizer")
        self.mask_optimizer = self._compile(optimizer, mask_optimizer, run_eagerly, jit_compile)
        # Built here, so that a checkpoint finds the state of both.
        self.optimizer.build(self.denoiser.network.trainable_variables)
        if self.mask_optimizer is not None:
            self.mask_optimizer.build(self.denoiser.mask_weights)

    @property
    def updates(self):
        """Number of updates done, of both networks together."""
        updates = int(self.optimizer.iterations.numpy())
        if self.mask_optimizer is not None:
            updates += int(self.mask_optimizer.iterations.numpy())
        return updates

    def make_train_function(self, force=False):
        """Compiles a function for each network's turn; `fit` calls the one whose turn it is.

        A choice within one function would not do: an optimizer cannot run in a branch there
        when there are several devices.
        """
        if self.train_function is not None and not force:
            return
        functions = {}
        for masks_turn in (False, True):
            super().make_train_function(force=True)
            functions[masks_turn] = self.train_function

        def take_turns(iterator):
            turn = self.updates // self.steps_per_pass
            # A function is compiled when it is first called, and `train_step` reads this then.
            self._masks_turn = self.mask_optimizer is not None and turn % 2 == 1
            return functions[self._masks_turn](iterator)

        self.train_function = take_turns

    def train_step(self, data):
        """Updates the network or, in its turn, the mask network."""
        noisy, clean = pair_of(data)
        if self._masks_turn:
            self._update_mask_network(noisy, clean)
        else:
            self._update_network(noisy, clean)
        return {name: tracker.result() for name, tracker in self._trackers.items()}

    def _update_network(self, noisy, clean):
        network = self.denoiser.network
        mask = self.denoiser.predict_mask(noisy)
        with tf.GradientTape() as tape:
            loss = _loss(network(noisy), noisy, clean, mask)
        self._apply(self.optimizer, tape.gradient(loss, network.trainable_variables))
        self._trackers["loss"].update_state(loss)
        self._trackers["mask"].update_state(tf.reduce_mean(mask))

    def _update_mask_network(self, noisy, clean):
        loss, gradients = self._meta_gradient(self.denoiser, noisy, clean, *self._settings)
        self._apply(self.mask_optimizer, gradients)
        self._trackers["meta_loss"].update_state(loss)

    def _apply(self, optimizer, gradients):
        # The devices' gradients are added up, and each is of a mean over its own images.
        devices = tf.distribute.get_strategy().num_replicas_in_sync
        optimizer.apply([gradient / devices for gradient in gradients])


def meta_gradient(denoiser, noisy, clean, learning_rate, gradient_weight):
    """Differentiates the primary loss after a virtual step by the mask network's weights.

    Args:
        denoiser: A `RealDenoiser` with a mask network.
        noisy: Tensor of shape `(batch, height, width, channels)`.
        clean: Tensor of the same shape.
        learning_rate: The virtual step's.
        gradient_weight: Weight of the two-directional gradient loss.

    Returns:
        The meta-loss, and the list of its gradients by `denoiser.mask_weights`.
    """
    weights = [tf.convert_to_tensor(w) for w in denoiser.network.trainable_variables]
    with tf.GradientTape() as tape:
        mask = denoiser.predict_mask(noisy)
        virtual = _virtual_step(denoiser, weights, noisy, clean, mask, learning_rate)
        restored = _predict(denoiser, virtual, noisy)[0]
        loss = tf.reduce_mean(reconstruction(restored, clean))
        loss += gradient_weight * tf.reduce_mean(gradient_difference(mask, noisy))
    return loss, tape.gradient(loss, denoiser.mask_weights)


def finite_difference_meta_gradient(denoiser, noisy, clean, learning_rate, gradient_weight):
    """Approximates `meta_gradient` without second derivatives, as DARTS does.

    Arguments and result are those of `meta_gradient`. The step along the direction v has length
    0.01, whatever the length of v.
    """
    weights = [tf.convert_to_tensor(w) for w in denoiser.network.trainable_variables]
    mask = denoiser.predict_mask(noisy)
    virtual = _virtual_step(denoiser, weights, noisy, clean, mask, learning_rate)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(virtual)
        restored = _predict(denoiser, virtual, noisy)[0]
        primary = tf.reduce_mean(reconstruction(restored, clean))
    # The auxiliary head has no part in the primary loss.
    zero = tf.UnconnectedGradients.ZERO
    direction = _average(tape.gradient(primary, virtual, unconnected_gradients=zero))
    step = 0.01 / tf.linalg.global_norm(direction)
    ahead, behind = (
        _predict(denoiser, [w + s * v for w, v in zip(weights, direction, strict=True)], noisy)[1]
        for s in (step, -step)
    )
    with tf.GradientTape() as tape:
        mask = denoiser.predict_mask(noisy)
        difference = masked_reconstruction(ahead, noisy, mask)
        difference -= masked_reconstruction(behind, noisy, mask)
        regulariser = gradient_weight * tf.reduce_mean(gradient_difference(mask, noisy))
        # Its gradient is the meta-loss's; its value is not.
        surrogate = -learning_rate * tf.reduce_mean(difference) / (2 * step) + regulariser
    gradients = tape.gradient(surrogate, denoiser.mask_weights)
    return primary + regulariser, gradients


def _predict(denoiser, weights, noisy):
    return denoiser.network.stateless_call(weights, [], noisy)[0]


def _loss(predictions, noisy, clean, mask):
    restored, predicted = predictions
    return tf.reduce_mean(
        reconstruction(restored, clean) + masked_reconstruction(predicted, noisy, mask)
    )


def _virtual_step(denoiser, weights, noisy, clean, mask, learning_rate):
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(weights)
        loss = _loss(_predict(denoiser, weights, noisy), noisy, clean, mask)
    gradients = _average(tape.gradient(loss, weights))
    return [w - learning_rate * g for w, g in zip(weights, gradients, strict=True)]


def _average(gradients):
    """Averages over the devices; differentiable, like all that a virtual step consists of."""
    if tf.distribute.get_strategy().num_replicas_in_sync == 1:
        return gradients
    context = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.MEAN, gradients)
