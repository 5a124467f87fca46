"""One step of DnCNN, depth 17, batch 128 of 40x40, with learned and with other optimizers."""

import math

import keras
import numpy as np
import tensorflow as tf

from benchmarks import other_learned_optimizers
from benchmarks.stopwatch import seconds_in_turns, seconds_per_call
from dncnn_keras import DnCNN
from dncnn_keras.precision import fast_dtype
from learned_optim import LearnedOptimizer, OrthogonalMomentum
from learned_optim.coordinates import Coordinates, hidden_kernels
from learned_optim.rules import make_rule

BATCH, SIDE = 128, 40


def measure():
    """Yields lines: training steps beside Adam's, the rule alone, and the memory of its state."""
    yield from _training_steps()
    yield from _rule_alone()
    yield from _state()


def _training_steps():
    patches = np.random.default_rng(0).random((BATCH, SIDE, SIDE, 1), np.float32)
    optimizers = {
        "Adam": keras.optimizers.Adam(),
        "OrthogonalMomentum": OrthogonalMomentum(),
        "LearnedOptimizer": LearnedOptimizer(weights=make_rule("orthogonal")),
        # The first steps, which warm it up, are beyond twice this horizon.
        "the same, when its LSTM rests": LearnedOptimizer(
            weights=make_rule("orthogonal", horizon=1)
        ),
    }
    steps = {name: _training_step(optimizer, patches) for name, optimizer in optimizers.items()}
    seconds = seconds_in_turns(steps, least_seconds=6.0)
    for name, each in seconds.items():
        target = "; the target is 1.15x" if name == "LearnedOptimizer" else ""
        yield f"{name:<40}{each:8.3f} s: {each / seconds['Adam']:.3f}x Adam's{target}"


def _training_step(optimizer, patches):
    model = DnCNN(dtype=fast_dtype())
    model.compile(optimizer=optimizer, loss="mse", jit_compile=False)
    batch = tf.constant(patches)
    return lambda: float(model.train_on_batch(batch, batch))


def _rule_alone():
    shapes = [weight.shape for weight in DnCNN().trainable_weights]
    size = sum(math.prod(shape) for shape in shapes)
    rule = make_rule("orthogonal")
    nanoseconds = 1e9 / size
    ours = nanoseconds * seconds_per_call(_update(LearnedOptimizer(weights=rule), shapes))
    yield f"{'our rule, all variables as one batch':<40}{ours:8.1f} ns a parameter"
    rivals = {
        "our rule, compact state": lambda: _update(
            LearnedOptimizer(weights=rule, compact_state=True), shapes
        ),
        "our rule, variable by variable": lambda: _update(PerVariable(rule), shapes),
        "PyLO, small_fc_lopt": lambda: other_learned_optimizers.pylo(shapes),
        "learned_optimization, small_fc_lopt": lambda: other_learned_optimizers.google(shapes),
    }
    for name, make in rivals.items():
        try:
            update = make()
        except ImportError:
            yield f"{name:<40}not installed"
            continue
        each = nanoseconds * seconds_per_call(update)
        yield f"{name:<40}{each:8.1f} ns a parameter: {each / ours:.2f}x the batch's time"


def _update(optimizer, shapes):
    """Returns a function that makes a step with gradients that lie ready."""
    generator = np.random.default_rng(0)
    gradients = [tf.constant(generator.normal(size=shape), tf.float32) for shape in shapes]
    variables = [keras.Variable(tf.zeros(shape)) for shape in shapes]
    optimizer.build(variables)

    @tf.function
    def update(gradients):
        optimizer.apply(gradients)
        return variables[-1] + 0.0

    return lambda: update(gradients).numpy()


class PerVariable(keras.optimizers.Optimizer):
    """A rule as Keras's own optimizers are written: one call a variable."""

    def __init__(self, rule):
        super().__init__(learning_rate=rule.learning_rate)
        self.rule = rule

    def build(self, variables):
        """Makes moments and recurrent state for each variable."""
        super().build(variables)
        self._parts = []
        hidden = hidden_kernels([variable.shape for variable in variables])
        for variable, is_hidden in zip(variables, hidden, strict=True):
            coordinates = Coordinates([variable.shape], [is_hidden])
            size = (coordinates.size,)
            moments = [self.add_variable(size, "zeros") for _ in range(self.rule.moments)]
            state = [
                self.add_variable((self.rule.network_size(coordinates), self.rule.units), "zeros")
                for _ in range(2 * self.rule.layers)
            ]
            self._parts.append((coordinates, moments, state))

    def update_step(self, gradient, variable, learning_rate):
        """Updates one variable."""
        coordinates, moments, state = self._parts[self._get_variable_index(variable)]
        update, new_moments, new_state = self.rule.call(
            tf.reshape(gradient, [-1]),
            [tf.convert_to_tensor(moment) for moment in moments],
            [tf.convert_to_tensor(each) for each in state],
            self.iterations + 1,
            coordinates,
        )
        for each, value in zip([*moments, *state], [*new_moments, *new_state], strict=True):
            self.assign(each, value)
        self.assign_sub(variable, learning_rate * tf.reshape(update, variable.shape))


def _state():
    variables = DnCNN().trainable_weights
    size = sum(math.prod(variable.shape) for variable in variables)
    optimizers = {
        "state of Adam": keras.optimizers.Adam(),
        "state of LearnedOptimizer": LearnedOptimizer(weights=make_rule("orthogonal")),
        "state of LearnedOptimizer, compact": LearnedOptimizer(
            weights=make_rule("orthogonal"), compact_state=True
        ),
    }
    for name, optimizer in optimizers.items():
        optimizer.build(variables)
        used = sum(math.prod(v.shape) * tf.as_dtype(v.dtype).size for v in optimizer.variables)
        yield f"{name:<40}{used / size:8.1f} bytes a parameter, {used / 1e6:.0f} MB"
