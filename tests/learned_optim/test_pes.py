import numpy as np
import pytest
import tensorflow as tf

from learned_optim import pes, unroll
from learned_optim.tasks.task import Task

LENGTH, SIGMA = 3, 0.05


class Valley(Task):
    """Always the same curved function, so that seeds differ in nothing but the noise."""

    name, shapes = "valley", [(3,), (2,)]

    def initial(self, seed):
        return [tf.constant([1.0, -2.0, 0.5]), tf.constant([2.0, 1.0])]

    def batch(self, seed, step):
        return tf.constant([1.0, 3.0, 0.3])

    def loss(self, parameters, batch):
        a, b = parameters
        return 0.5 + tf.reduce_sum(batch * a**2) + tf.reduce_sum(tf.sin(b)) ** 2


def _rate(step):
    return tf.constant(0.1)


def _seed(number):
    return tf.constant([number, 0], tf.int64)


def _start(rule, pairs):
    runs = [unroll.start(Valley(), rule, _seed(0)) for _ in range(2 * pairs)]
    return runs, [[tf.zeros(w.shape) for w in rule.trainable_weights] for _ in range(pairs)]


def _flat(tensors):
    return np.concatenate([np.ravel(tensor) for tensor in tensors])


@pytest.fixture
def tiny(learned):
    """A rule of few weights, where a thousand perturbations span all directions."""
    return learned("andrychowicz", units=1, layers=1)


def test_estimates_average_to_the_gradient_over_all_windows(tiny):
    @tf.function
    def estimate(seed):
        runs, noise = _start(tiny, pairs=1)
        total = [tf.zeros(weight.shape) for weight in tiny.trainable_weights]
        for _ in range(2):
            done = pes.window(Valley(), tiny, runs, noise, seed, LENGTH, _rate, SIGMA)
            runs, noise = done.runs, done.noise
            total = [t + g for t, g in zip(total, done.gradient, strict=True)]
        return tf.concat([tf.reshape(t, [-1]) for t in total], axis=0)

    estimates = np.array([estimate(_seed(number)) for number in range(1500)], np.float64)

    @tf.function
    def losses():
        progress = unroll.start(Valley(), tiny, _seed(0))
        return unroll.window(Valley(), tiny, progress, _seed(0), 2 * LENGTH, _rate).losses[1:]

    slopes = []
    weights = tiny.get_weights()
    for index, weight in enumerate(weights):
        for place in np.ndindex(weight.shape):
            values = []
            for step in (0.01, -0.01):
                changed = [each.copy() for each in weights]
                changed[index][place] += step
                tiny.set_weights(changed)
                # The mean over each of the two windows, added up.
                values.append(np.log(losses().numpy().astype(np.float64)).sum() / LENGTH)
            slopes.append((values[0] - values[1]) / 0.02)
    assert np.linalg.norm(slopes) > 0.1
    mean, error = estimates.mean(axis=0), estimates.std(axis=0) / np.sqrt(len(estimates))
    assert np.corrcoef(mean, slopes)[0, 1] > 0.97
    assert np.all(np.abs(mean - slopes) < 4.5 * error + 0.03 * np.linalg.norm(slopes))


def test_is_the_formula_of_the_paper(learned):
    rule = learned("rnnprop", units=2)
    runs, noise = _start(rule, pairs=2)
    noise = [[w + 0.3 for w in pair] for pair in noise]
    weights = rule.get_weights()
    done = pes.window(Valley(), rule, runs, noise, _seed(5), LENGTH, _rate, SIGMA)
    expected = np.zeros(rule.count_params())
    for pair in range(2):
        # What was added to the sum of the perturbations is the window's perturbation.
        epsilon = [
            after - before for after, before in zip(done.noise[pair], noise[pair], strict=True)
        ]
        assert 0.7 < np.std(_flat(epsilon)) < 1.3
        meta_losses = []
        for sign in (1, -1):
            rule.set_weights([w + sign * SIGMA * e for w, e in zip(weights, epsilon, strict=True)])
            alone = unroll.window(Valley(), rule, runs[0], _seed(5), LENGTH, _rate)
            meta_losses.append(np.mean(np.log(alone.losses[1:])))
            run = done.runs[2 * pair + (sign < 0)]
            np.testing.assert_allclose(
                _flat(run.parameters), _flat(alone.progress.parameters), atol=1e-5
            )
            number = 2 * pair + (sign < 0)
            np.testing.assert_allclose(done.losses[number], np.mean(alone.losses[1:]), rtol=1e-4)
        difference = (meta_losses[0] - meta_losses[1]) / (2 * SIGMA)
        expected += _flat(done.noise[pair]) * difference / 2
    np.testing.assert_allclose(_flat(done.gradient), expected, atol=1e-2 * np.abs(expected).max())


def test_pairs_go_on_and_draw_anew(learned):
    rule = learned("orthogonal", units=2)
    weights = rule.get_weights()
    run = tf.function(
        lambda runs, noise: pes.window(Valley(), rule, runs, noise, _seed(5), 2, _rate, SIGMA)
    )
    runs, noise = _start(rule, pairs=2)
    draws = []
    for window in range(1, 3):
        done = run(runs, noise)
        assert [int(each.step) for each in done.runs] == [2 * window] * 4
        # All four runs differ.
        ends = [_flat(each.parameters) for each in done.runs]
        for i, j in ((0, 1), (0, 2), (2, 3)):
            assert np.abs(ends[i] - ends[j]).max() > 1e-5
        for pair in range(2):
            draws.append(_flat(done.noise[pair]) - _flat(noise[pair]))
        runs, noise = done.runs, done.noise
    correlations = np.corrcoef(draws)[np.triu_indices(4, 1)]
    assert np.abs(correlations).max() < 0.5
    for before, after in zip(weights, rule.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
