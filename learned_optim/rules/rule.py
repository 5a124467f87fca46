"""The interface of all update rules: features -> recurrent cell -> update."""

import keras
import tensorflow as tf

from learned_optim.rules.lstm_cell import LSTMCell


class Rule(keras.layers.Layer):
    """A recurrent network that turns a coordinate's gradients into its updates.

    The same network, with the same weights, is applied to every coordinate (every single
    weight) of the model that is optimized, or of those of its tensors that a rule chooses, see
    `is_run_on`; each of these coordinates has a recurrent state of its own.
    A step has three parts, and a rule is what it does in the first and the last:

    1. `observe`: gradient and moments -> the network's inputs, and the new moments;
    2. `recur`: inputs and recurrent state -> outputs and new state;
    3. `update`: outputs -> what is subtracted from the weights, in units of the learning rate.

    All of it is pure: state goes in and comes out, so that the same code runs in a training
    (`LearnedOptimizer`) and is differentiated in meta-training (`unroll`).

    Args:
        units: Width of each LSTM layer.
        layers: Number of LSTM layers.
        name: Name of the rule.

    Attributes:
        inputs: Number of inputs of the network for each coordinate.
        outputs: Number of its outputs.
        moments: Number of running averages that `observe` keeps for each coordinate.
        learning_rate: The rate at which the rule is meant to be used.
        horizon: Number of steps for which the network was meta-trained, after which its say fades,
            see `trust`; 0 where it never does.

    References:
        M. Andrychowicz et al., "Learning to learn by gradient descent by gradient descent",
        NeurIPS 2016.
        I. Prémont-Schwarz et al., "A Simple Guard for Learned Optimizers", ICML 2022.
    """

    inputs: int
    outputs = 1
    moments = 0
    learning_rate = 1e-3
    horizon = 0
    # With a last layer of zeros a rule starts meta-training as the formula of its `update`.
    head_initializer = "zeros"

    def __init__(self, units=20, layers=2, name=None):
        # Whatever precision the model that is optimized computes in, its optimizer does not.
        super().__init__(name=name, dtype="float32")
        self.units = units
        self.layers = layers
        self.cells = [LSTMCell(units, name=f"lstm_{i + 1}", dtype="float32") for i in range(layers)]
        self.head = keras.layers.Dense(
            self.outputs, kernel_initializer=self.head_initializer, name="head", dtype="float32"
        )

    def build(self, input_shape=None):
        """Makes the weights; a rule's input shape is its own."""
        width = self.inputs
        for cell in self.cells:
            cell.build((None, width))
            width = self.units
        self.head.build((None, width))
        self.built = True

    def is_run_on(self, coordinates):
        """Tells on which tensors the network is run; the others move without it.

        Args:
            coordinates: `Coordinates`.

        Returns:
            List of booleans, one for each tensor. By default it is run on all.
        """
        return [True] * len(coordinates.shapes)

    def network_size(self, coordinates):
        """Number of coordinates on which the network is run."""
        pairs = zip(coordinates.sizes, self.is_run_on(coordinates), strict=True)
        return sum(size for size, is_run in pairs if is_run)

    def initial_state(self, size):
        """Recurrent state of `size` coordinates that have not seen a gradient.

        Returns:
            List of zeros of shape `(size, units)`: output and cell of every LSTM layer in turn.
        """
        return [tf.zeros((size, self.units)) for _ in range(2 * self.layers)]

    def observe(self, gradient, moments, step, coordinates):
        """Makes the network's inputs of a gradient.

        Args:
            gradient: float32 tensor of shape `(size,)`.
            moments: List of `self.moments` tensors of shape `(size,)`, at first zeros.
            step: Scalar, 1 at the first step.
            coordinates: The `Coordinates` to which the gradient belongs.

        Returns:
            Inputs of shape `(network_size, self.inputs)`, see `network_size`; a tuple of tensors of
            shape `(size,)` for `update`; the new moments.
        """
        raise NotImplementedError

    def update(self, outputs, observed, coordinates):
        """Makes the update of the network's outputs.

        Args:
            outputs: List of `self.outputs` tensors of shape `(network_size,)`.
            observed: What `observe` returned second.
            coordinates: The `Coordinates` to which they belong.

        Returns:
            Tensor of shape `(size,)`: the weights change by `-learning_rate` times this.
        """
        raise NotImplementedError

    def recur(self, inputs, state):
        """Runs the network for one step.

        Args:
            inputs: Tensor of shape `(network_size, self.inputs)`.
            state: Recurrent state, see `initial_state`.

        Returns:
            List of `self.outputs` tensors of shape `(network_size,)`, and the new state.
        """
        x, new_state = inputs, []
        for index, cell in enumerate(self.cells):
            x, states = cell(x, state[2 * index : 2 * index + 2])
            new_state += states
        return tf.unstack(self.head(x), axis=-1), new_state

    def trust(self, step):
        """How much of the network's outputs counts: 1 up to the horizon, 0 from twice of it on.

        What a network does far beyond the steps that it was meta-trained for, nobody has chosen.
        A rule whose update is a good optimizer's where all outputs are zero goes over to that.

        Args:
            step: Scalar, 1 at the first step.

        Returns:
            Scalar float32 tensor within [0, 1].
        """
        if not self.horizon:
            return tf.ones(())
        return tf.clip_by_value(2.0 - tf.cast(step, tf.float32) / self.horizon, 0.0, 1.0)

    def fade(self, outputs, step):
        """Scales the network's outputs by how much of them counts at a step.

        Args:
            outputs: What `recur` returned first.
            step: Scalar, 1 at the first step.

        Returns:
            List of tensors, for `update`.
        """
        if not self.horizon:
            return outputs
        trust = self.trust(step)
        return [trust * output for output in outputs]

    def call(self, gradient, moments, state, step, coordinates):
        """Does a whole step.

        Args:
            gradient, moments, state, step, coordinates: As above.

        Returns:
            The update of shape `(size,)`, the new moments and the new recurrent state.
        """
        inputs, observed, moments = self.observe(gradient, moments, step, coordinates)
        outputs, state = self.recur(inputs, state)
        return self.update(self.fade(outputs, step), observed, coordinates), moments, state

    def get_config(self):
        """Returns the constructor's arguments."""
        return {"units": self.units, "layers": self.layers, "name": self.name}


def adam_direction(momentum, velocity, step, beta_1, beta_2, epsilon=1e-7):
    """Adam's update for a learning rate of one, as `keras.optimizers.Adam` computes it.

    Args:
        momentum: Running average of the gradient, started at zero.
        velocity: Running average of its square, started at zero.
        step: Scalar, 1 at the first step.
        beta_1: Decay of the momentum, a number or a tensor of its shape.
        beta_2: Decay of the velocity.
        epsilon: "Epsilon hat" of Kingma and Ba's section 2.1.

    Returns:
        Tensor of the momentum's shape.
    """
    step = tf.cast(step, tf.float32)
    # A square root has no derivative at zero, where a weight has had no gradient yet; the bound
    # is far below epsilon.
    velocity = tf.maximum(velocity, 1e-30)
    correction = tf.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    return correction * momentum / (tf.sqrt(velocity) + epsilon)


def still_unless_moved(free, adam):
    """Takes back a network's own step at coordinates that have had no gradient.

    Their inputs are zeros and the time, so all of them would drift together: dead units, rows of an
    embedding that no batch holds. Adam leaves them where they are.

    Args:
        free: Tensor of shape `(size,)`.
        adam: Adam's step of the same shape.

    Returns:
        Tensor of the same shape, zero where Adam's step is.
    """
    return tf.where(adam == 0.0, 0.0, free)


def time_features(step, size, scales=(10.0, 100.0, 1000.0, 10000.0)):
    """How long the training has run: `tanh(step / tau)` for several tau, 10 to 10,000 by default.

    Saturating inputs: a step count beyond all that meta-training saw looks like "late".

    Returns:
        List of a tensor of shape `(size,)` for each.
    """
    step = tf.cast(step, tf.float32)
    return [tf.fill([size], tf.tanh(step / tau)) for tau in scales]
