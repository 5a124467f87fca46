import numpy as np
import pytest
import tensorflow as tf

from learned_optim import unroll
from learned_optim.coordinates import Coordinates, hidden_kernels
from learned_optim.rules import RULES
from learned_optim.tasks.task import Task, fold

SEED = tf.constant([4, 1], tf.int64)
LENGTH = 3


class Network(Task):
    """A product of three matrices on a fresh vector each step; the middle one is hidden."""

    name, shapes = "network", [(2, 3), (3, 3), (3,), (3, 1)]

    def initial(self, seed):
        return [tf.random.stateless_normal(s, fold(seed, i)) for i, s in enumerate(self.shapes)]

    def batch(self, seed, step):
        return tf.random.stateless_normal((4, 2), fold(seed, 10 + step))

    def loss(self, parameters, batch):
        first, hidden, bias, last = parameters
        outputs = tf.tanh(tf.tanh(batch @ first) @ hidden + bias) @ last
        return 0.1 + tf.reduce_mean(tf.square(outputs - batch[:, :1]))


def _rate(step):
    return 0.05 / (1 + 0.5 * tf.cast(step, tf.float32))


def _taped(rule, progress, log_loss):
    """The first-order meta-gradient by a tape around the whole window."""
    task, coordinates = Network(), Coordinates(Network.shapes, hidden_kernels(Network.shapes))
    parameters, moments, state, begin = progress
    losses = []
    with tf.GradientTape() as tape:
        for step in range(int(begin), int(begin) + LENGTH):
            with tf.GradientTape() as inner:
                inner.watch(parameters)
                loss = task.loss(parameters, task.batch(SEED, step))
            gradient = coordinates.join(inner.gradient(loss, parameters))
            gradient = tf.stop_gradient(gradient)
            update, moments, state = rule.call(gradient, moments, state, step + 1, coordinates)
            change = coordinates.split(_rate(step) * update)
            parameters = [p - c for p, c in zip(parameters, change, strict=True)]
            losses.append(task.loss(parameters, task.batch(SEED, step + 1)))
        meta_loss = tf.reduce_mean([tf.math.log(x) if log_loss else x for x in losses])
    weights = rule.trainable_weights
    gradient = tape.gradient(meta_loss, weights, unconnected_gradients="zero")
    return gradient, unroll.Progress(parameters, moments, state, begin + LENGTH), losses


def _assert_close(found, expected, tolerance):
    for mine, theirs in zip(found, expected, strict=True):
        scale = max(1e-3, float(np.abs(theirs).max()))
        np.testing.assert_allclose(mine, theirs, atol=tolerance * scale)


@pytest.mark.parametrize(
    ("name", "log_loss"),
    [*((name, True) for name in RULES), ("rnnprop", False), ("orthogonal", False)],
)
def test_first_order_is_a_tape_with_stopped_gradients(learned, name, log_loss):
    # Steps thirty times as long would let rounding grow over two windows.
    rule = learned(name, units=4, **({"reach": 3.0} if name == "orthogonal-lengths" else {}))
    progress = unroll.start(Network(), rule, SEED)
    # In a second window too, where moments, recurrent state and step are not zero.
    for _ in range(2):
        done = unroll.window(Network(), rule, progress, SEED, LENGTH, _rate, log_loss)
        gradient, progress, losses = _taped(rule, progress, log_loss)
        assert any(np.abs(g).max() > 1e-3 for g in gradient)
        _assert_close(done.gradient, gradient, 1e-3)
        np.testing.assert_allclose(done.losses[1:], losses, rtol=1e-4)
        for mine, theirs in zip(done.progress[:3], progress[:3], strict=True):
            _assert_close(mine, theirs, 1e-4)
        assert done.progress.step == progress.step


@pytest.mark.parametrize(
    ("name", "rate", "log_loss"),
    [("rnnprop", 0.3, True), ("adam", 0.4, False), ("orthogonal", 0.05, True)],
)
def test_second_order_is_the_slope_of_the_meta_loss(learned, name, rate, log_loss):
    rule, task = learned(name, units=3), Network()

    def run(progress, second_order):
        return unroll.window(
            task,
            rule,
            progress,
            SEED,
            LENGTH,
            lambda step: tf.constant(rate),
            log_loss,
            second_order=second_order,
        )

    def meta_loss():
        losses = run(begin, False).losses.numpy().astype(np.float64)[1:]
        return np.mean(np.log(losses) if log_loss else losses)

    # A few steps into the run moments are not zero.
    begin = run(unroll.start(task, rule, SEED), False).progress
    first, second = run(begin, False), run(begin, True)
    np.testing.assert_allclose(second.losses, first.losses, rtol=1e-5)
    for mine, theirs in zip(second.progress[:3], first.progress[:3], strict=True):
        _assert_close(mine, theirs, 1e-5)
    norm = tf.linalg.global_norm(second.gradient)
    weights, values = rule.get_weights(), []
    # So that the meta-loss changes by about 0.01: little curvature, little rounding.
    length = 0.005 / norm
    for step in (length, -length):
        rule.set_weights(
            [w + step * g / norm for w, g in zip(weights, second.gradient, strict=True)]
        )
        values.append(meta_loss())
    np.testing.assert_allclose(norm, (values[0] - values[1]) / (2 * length), rtol=2e-3)
    # Which first order is not.
    left_out = [a - b for a, b in zip(second.gradient, first.gradient, strict=True)]
    assert tf.linalg.global_norm(left_out) > 5e-3 * norm


def test_of_a_single_step_both_orders_are_the_same(learned):
    rule = learned("rnnprop", units=3)
    progress = unroll.start(Network(), rule, SEED)
    first, second = (
        unroll.window(Network(), rule, progress, SEED, 1, _rate, True, second)
        for second in (False, True)
    )
    _assert_close(second.gradient, first.gradient, 1e-4)


class Half(Network):
    """Half of the parameters have no influence: gradients are zero, or there are none."""

    def loss(self, parameters, batch):
        first, hidden, _, _ = parameters
        return 1 + tf.reduce_sum(first**2) * (1 + tf.reduce_sum(0 * hidden * first[0]))


@pytest.mark.parametrize("second_order", [False, True])
def test_a_negative_loss_has_no_logarithm_and_no_meta_gradient(learned, second_order):
    class Below(Network):
        """A loss that falls below zero."""

        def loss(self, parameters, batch):
            return super().loss(parameters, batch) - 50

    rule = learned("rnnprop", units=2)

    def run(log_loss):
        progress = unroll.start(Below(), rule, SEED)
        arguments = (Below(), rule, progress, SEED, 2, _rate, log_loss)
        return unroll.window(*arguments, second_order=second_order)

    without, of_logarithms = run(False), run(True)
    assert np.all(without.losses < 0) and np.all(np.isnan(of_logarithms.losses))
    assert all(np.all(np.isfinite(g)) for g in without.gradient)
    assert any(np.any(np.isnan(g)) for g in of_logarithms.gradient)


@pytest.mark.parametrize("second_order", [False, True])
@pytest.mark.parametrize("name", ["andrychowicz", "orthogonal"])
def test_parameters_that_do_not_matter_spoil_nothing(learned, name, second_order):
    rule = learned(name, units=3)
    progress = unroll.start(Half(), rule, SEED)
    done = unroll.window(Half(), rule, progress, SEED, LENGTH, _rate, second_order=second_order)
    assert all(np.all(np.isfinite(g)) for g in done.gradient)
    assert any(np.any(g) for g in done.gradient)


def test_windows_follow_each_other_and_compile(learned):
    rule, task = learned("orthogonal", units=2), Network()
    whole = unroll.window(task, rule, unroll.start(task, rule, SEED), SEED, 4, _rate)
    run = tf.function(lambda progress: unroll.window(task, rule, progress, SEED, 2, _rate))
    first = run(unroll.start(task, rule, SEED))
    second = run(first.progress)
    assert second.progress.step == 4
    joined = np.concatenate([first.losses, second.losses[1:]])
    np.testing.assert_allclose(joined, whole.losses, rtol=1e-4)
    for mine, theirs in zip(second.progress[:3], whole.progress[:3], strict=True):
        _assert_close(mine, theirs, 1e-4)


@pytest.mark.parametrize("second_order", [False, True])
@pytest.mark.parametrize("name", RULES)
def test_weights_without_gradient_leave_the_meta_gradient_finite(learned, name, second_order):
    class Idle(Network):
        """An input that is next to zero, as pixels at an edge, and layers that are switched off."""

        def loss(self, parameters, batch):
            first, hidden, bias, last = parameters
            inside = tf.tanh((batch * [1.0, 1e-22]) @ first)
            outputs = (inside + inside @ (0.0 * hidden) + 0.0 * bias) @ last
            return 0.1 + tf.reduce_mean(tf.square(outputs - batch[:, :1]))

    task, rule = Idle(), learned(name)
    progress = unroll.start(task, rule, SEED)
    done = unroll.window(task, rule, progress, SEED, LENGTH, _rate, second_order=second_order)
    norm = tf.linalg.global_norm(done.gradient)
    assert np.isfinite(norm) and norm > 0
