"""Meta-gradients that cannot be followed, and what becomes of the weights that give no others."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.learned_optim.meta_training import TASK, Fragile, first_window, make_trainer
from tests.learned_optim.optimizer_steps import assert_close, assert_equal, values_of


def test_a_meta_gradient_that_is_not_finite_is_dropped_and_counted(learned):
    rule, fragile = learned("rnnprop", units=2), Fragile()
    trainer = make_trainer(rule, [TASK, fragile])
    before = rule.get_weights()
    good = first_window(trainer, trainer.live_tasks[0])
    fragile.factor.assign(math.nan)
    logs = trainer.train_step(None)
    assert int(logs["dropped"]) == int(trainer.dropped) == 1
    assert_close(rule.get_weights(), [w - g for w, g in zip(before, good.gradient, strict=True)])
    np.testing.assert_allclose(logs["log_loss"], math.log(np.mean(good.losses)), rtol=1e-5)
    # The instance that is spoilt is left for another.
    fragile.factor.assign(1.0)
    live = trainer.live_tasks[1]
    assert int(live.turn) == 0
    trainer.train_step(None)
    assert (int(live.turn), int(live._step), int(trainer.dropped)) == (1, 2, 1)
    assert all(np.all(np.isfinite(v)) for part in live._runs[0] for v in part)


@pytest.mark.parametrize(
    "arguments", [{}, {"second_order": True}, {"estimator": "pes"}], ids=["first", "second", "pes"]
)
def test_a_negative_loss_is_dropped_where_its_logarithm_is_wanted(learned, arguments):
    rule, below = learned("rnnprop", units=2), Fragile()
    below.factor.assign(-1.0)
    trainer = make_trainer(rule, [TASK, below], keras.optimizers.SGD(0.0), **arguments)
    logs = trainer.train_step(None)
    assert int(logs["dropped"]) == 1
    assert np.isfinite(logs["log_loss"]) and 0 < logs["gradient_norm"] < math.inf


def test_a_meta_gradient_of_finite_entries_and_an_infinite_norm_is_dropped(learned):
    rule, huge = learned("rnnprop", units=2), Fragile()
    optimizer = keras.optimizers.SGD(1.0, global_clipnorm=1e6)
    trainer = make_trainer(rule, [TASK, huge], optimizer, log_loss=False)
    before = rule.get_weights()
    huge.factor.assign(1e30)
    good, bad = (first_window(trainer, live, log_loss=False) for live in trainer.live_tasks)
    assert all(np.isfinite(g).all() for g in bad.gradient)
    assert tf.linalg.global_norm(bad.gradient) == math.inf and np.isfinite(bad.losses).all()
    logs = trainer.train_step(None)
    assert int(logs["dropped"]) == 1
    np.testing.assert_allclose(logs["loss"], np.mean(good.losses), rtol=1e-5)
    moved = [w - g for w, g in zip(before, good.gradient, strict=True)]
    assert_close(rule.get_weights(), moved, 1e-4)


def test_the_largest_meta_gradients_that_are_followed_can_be_clipped(learned):
    rule, large = learned("rnnprop", units=2), [Fragile() for _ in range(3)]
    optimizer = keras.optimizers.SGD(1.0, global_clipnorm=0.01)
    trainer = make_trainer(rule, large, optimizer, log_loss=False)
    for task, live in zip(large, trainer.live_tasks, strict=True):
        # The rule does not see how large gradients are: the meta-gradient goes with the factor.
        norm = tf.linalg.global_norm(first_window(trainer, live, log_loss=False).gradient)
        task.factor.assign(9e18 / norm)
    before = rule.get_weights()
    logs = trainer.train_step(None)
    assert int(logs["dropped"]) == 0 and 1e18 < logs["gradient_norm"] < 1e19
    change = [after - b for after, b in zip(rule.get_weights(), before, strict=True)]
    np.testing.assert_allclose(tf.linalg.global_norm(change), 0.01, rtol=1e-3)


@pytest.mark.parametrize("estimator", ["tbptt", "pes"])
def test_without_a_finite_meta_gradient_the_last_good_weights_come_back(learned, estimator):
    rule, fragile = learned("rnnprop", units=2), Fragile()
    trainer = make_trainer(rule, [fragile], patience=3, estimator=estimator)
    step = tf.function(lambda: trainer.train_step(None))
    good = rule.get_weights()
    step()
    changed = rule.get_weights()
    assert max(np.abs(a - b).max() for a, b in zip(good, changed, strict=True)) > 1e-4
    fragile.factor.assign(math.inf)
    for _ in range(2):
        step()
        assert_close(rule.get_weights(), changed, 0)
    step()
    assert_close(rule.get_weights(), good, 0)
    assert int(trainer.dropped) == 3
    assert int(trainer.optimizer.iterations) == 1
    # And the counting starts anew.
    fragile.factor.assign(1.0)
    step()
    assert int(trainer.optimizer.iterations) == 2 and int(trainer._failures) == 0


def _with_adam(learned):
    rule, fragile = learned("rnnprop", units=2), Fragile()
    trainer = make_trainer(rule, [fragile], keras.optimizers.Adam(1e-2), patience=2)
    step = tf.function(lambda: trainer.train_step(None))
    step()
    moments = [variable for variable in trainer.optimizer.variables if len(variable.shape)]
    assert len(moments) == 2 * len(rule.weights)
    return rule, fragile, step, moments


def test_moments_that_are_not_finite_start_anew_with_the_last_good_weights(learned):
    rule, _, step, moments = _with_adam(learned)
    good = rule.get_weights()
    moments[0].assign(tf.fill(moments[0].shape, math.nan))
    step()
    assert np.isnan(rule.get_weights()[0]).all()
    for _ in range(2):
        step()
    assert_equal(rule.get_weights(), good)
    assert not any(np.any(moment) for moment in moments)
    step()
    after = rule.get_weights()
    assert all(np.isfinite(w).all() for w in after) and np.any(after[0] != good[0])


def test_moments_that_are_finite_are_kept(learned):
    rule, fragile, step, moments = _with_adam(learned)
    before, changed = values_of(moments), rule.get_weights()
    fragile.factor.assign(math.nan)
    for _ in range(2):
        step()
    assert np.any(rule.get_weights()[0] != changed[0])
    assert_equal(moments, before)
    assert any(np.any(moment) for moment in moments)
