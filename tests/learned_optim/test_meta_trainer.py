import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from learned_optim import LearnedOptimizer, load_rule, pes, save_rule, unroll
from learned_optim.rules import RULES, make_rule
from learned_optim.tasks.quadratic import Quadratics
from learned_optim.tasks.task import Task, fold
from learned_optim.trajectory import Trajectory, mean_final_loss
from tests.learned_optim.meta_training import TASK, Fragile, first_window, make_trainer
from tests.learned_optim.optimizer_steps import assert_close


def test_a_meta_update_follows_the_mean_of_all_tasks(learned):
    rule = learned("rnnprop", units=2)
    trainer = make_trainer(rule, [TASK, Quadratics(1, 3)])
    before = rule.get_weights()
    windows = [first_window(trainer, live) for live in trainer.live_tasks]
    logs = trainer.train_step(None)
    mean = [(a + b) / 2 for a, b in zip(*(w.gradient for w in windows), strict=True)]
    assert_close(rule.get_weights(), [w - g for w, g in zip(before, mean, strict=True)])
    assert max(np.abs(g).max() for g in mean) > 1e-3
    losses = [math.log(np.mean(each.losses)) for each in windows]
    np.testing.assert_allclose(logs["log_loss"], np.mean(losses), rtol=1e-5)
    np.testing.assert_allclose(logs["gradient_norm"], tf.linalg.global_norm(mean), rtol=1e-4)
    for live, done in zip(trainer.live_tasks, windows, strict=True):
        for part, values in zip(live._runs[0], done.progress[:3], strict=True):
            assert_close(part, values)


def test_a_second_window_goes_on_where_the_first_ended(learned):
    rule = learned("rnnprop", units=2)
    trainer = make_trainer(rule, [TASK], keras.optimizers.SGD(0.0), schedule="cosine")
    (live,) = trainer.live_tasks

    def rate(step):
        return trainer._rate * 0.5 * (1 + math.cos(math.pi * float(step) / 4))

    progress = unroll.start(TASK, rule, live.seed)
    for _ in range(2):
        done = unroll.window(TASK, rule, progress, live.seed, 2, rate)
        logs = trainer.train_step(None)
        np.testing.assert_allclose(logs["log_loss"], np.log(np.mean(done.losses)), rtol=1e-4)
        assert_close(live._runs[0][0], done.progress.parameters)
        progress = done.progress


def test_tasks_end_staggered_and_the_horizon_grows():
    rule = make_rule("adam", units=1, layers=1)
    trainer = make_trainer(rule, [TASK] * 4, horizons=(8, 16), meta_updates=12)
    seen, seeds = [], set()
    step = tf.function(lambda: trainer.train_step(None))
    for _ in range(12):
        step()
        seen.append([(int(t.turn), int(t._step), int(t._horizon)) for t in trainer.live_tasks])
        seeds.update(tuple(live.seed.numpy()) for live in trainer.live_tasks)
    assert [horizon for _, _, horizon in seen[0]] == [2, 4, 6, 8]
    for number, first in enumerate((2, 4, 6, 8)):
        # First instance, one of 8 steps, and of 16 when six meta-updates are done.
        expected = [(0, step, first) for step in range(2, first + 1, 2)]
        while len(expected) < 12:
            instance, horizon = expected[-1][0] + 1, 8 if len(expected) < 6 else 16
            expected += [(instance, step, horizon) for step in range(2, horizon + 1, 2)]
        assert [each[number] for each in seen] == expected[:12]
    assert len(seeds) == len({(n, each[n][0]) for each in seen for n in range(4)})


def test_tasks_take_turns():
    tasks = [Quadratics(1, dimensions) for dimensions in (1, 2, 3, 4, 5)]
    trainer = make_trainer(make_rule("adam", units=1, layers=1), tasks, horizons=(8,), live=2)
    step = tf.function(lambda: trainer.train_step(None))

    def state():
        kept = [keras.tree.flatten(task.kept) for task in trainer.live_tasks]
        return [[variable.numpy() for variable in each] for each in kept]

    live, before, seen = {0, 1}, state(), []
    for _ in range(22):
        at_end = {n for n in live if trainer.live_tasks[n].is_at_end()}
        step()
        after = state()
        now = set(np.flatnonzero(trainer._live))
        assert len(now) == 2 and live - at_end <= now
        # Another task takes the place of each that has ended, and has not had more turns.
        turns = [int(task.turn) for task in trainer.live_tasks]
        assert not now & at_end and max(turns) - min(turns) <= 1
        for number, pair in enumerate(zip(before, after, strict=True)):
            same = [np.array_equal(a, b) for a, b in zip(*pair, strict=True)]
            assert all(same) == (number not in now)
        seen.append({n: int(trainer.live_tasks[n]._step) for n in now})
        live, before = now, after
    expected = [[2, 2], [4, 4]] + [[2, 6], [4, 8]] * 10
    assert [sorted(steps.values()) for steps in seen] == expected
    assert set().union(*seen[:7]) == {0, 1, 2, 3, 4} and min(turns) >= 1


def test_where_more_end_than_rest_some_start_again():
    trainer = make_trainer(make_rule("adam", units=1, layers=1), [TASK] * 3, horizons=(2,), live=2)
    for update in range(1, 6):
        trainer.train_step(None)
        assert np.count_nonzero(trainer._live) == 2
        turns = [int(task.turn) for task in trainer.live_tasks]
        assert sum(turns) == 2 * update - 3 and max(turns) - min(turns) <= 1


def test_what_rests_is_neither_run_nor_averaged(learned):
    rule, broken = learned("rnnprop", units=2), Fragile()
    broken.factor.assign(math.nan)
    trainer = make_trainer(rule, [TASK, broken, Quadratics(1, 3)], live=1)
    before = rule.get_weights()
    alone = first_window(trainer, trainer.live_tasks[0])
    logs = trainer.train_step(None)
    assert int(logs["dropped"]) == 0
    np.testing.assert_allclose(logs["log_loss"], math.log(np.mean(alone.losses)), rtol=1e-5)
    assert_close(rule.get_weights(), [w - g for w, g in zip(before, alone.gradient, strict=True)])


def test_the_rule_learns_how_far_it_may_be_trusted():
    for given, kept in ((0, 8), (100, 100)):
        rule = make_rule("orthogonal", units=1, layers=1, horizon=given)
        assert make_trainer(rule, [TASK], horizons=(4, 8)).rule.horizon == kept
    with pytest.raises(ValueError, match="fades after its horizon of 6 steps, .* later ones of 8"):
        make_trainer(make_rule("orthogonal", units=1, layers=1, horizon=6), [TASK], horizons=(4, 8))


def test_a_rule_that_is_not_built_yet_is_trained():
    rule = RULES["rnnprop"](units=2, layers=1)
    trainer = make_trainer(rule, [TASK])
    before = rule.get_weights()
    trainer.train_step(None)
    pairs = zip(before, rule.get_weights(), strict=True)
    assert any(np.any(old != new) for old, new in pairs)


def test_the_default_strategy_is_none():
    trainer = make_trainer(
        make_rule("adam", units=1), [TASK], strategy=tf.distribute.get_strategy()
    )
    assert [live.device for live in trainer.live_tasks] == [""]


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_the_same_from_its_file(name, tmp_path):
    rule = make_rule(name, units=1, layers=1)
    rule.learning_rate = 0.25
    make_trainer(rule, [TASK], horizons=(4, 8))
    save_rule(rule, "mine", tmp_path)
    loaded = load_rule(tmp_path / "mine.weights.h5")
    assert (loaded.horizon, loaded.learning_rate) == (rule.horizon, 0.25)


@pytest.mark.parametrize("estimator", ["tbptt", "pes"])
def test_the_head_alone_is_trained_where_that_is_wanted(learned, estimator):
    rule = learned("rnnprop", units=2, layers=1)
    trainer = make_trainer(rule, [TASK], trained="head", estimator=estimator)
    before = rule.get_weights()
    trainer.train_step(None)
    moved = [np.any(old != new) for old, new in zip(before, rule.get_weights(), strict=True)]
    head = [any(weight is each for each in rule.head.weights) for weight in rule.weights]
    assert moved == head and head.count(True) == 2
    assert all(weight.trainable for weight in make_trainer(rule, [TASK]).rule.weights)


class Hidden(Task):
    """Three matrices, of which the middle one is hidden."""

    name, shapes = "hidden", [(2, 3), (3, 3), (3, 1)]

    def initial(self, seed):
        return [tf.random.stateless_normal(shape, seed) for shape in self.shapes]

    def batch(self, seed, step):
        return tf.random.stateless_normal((4, 2), fold(seed, 10 + step))

    def loss(self, parameters, batch):
        first, hidden, last = parameters
        outputs = tf.tanh(tf.tanh(batch @ first) @ hidden) @ last
        return 0.1 + tf.reduce_mean(tf.square(outputs - batch[:, :1]))


@pytest.mark.parametrize(
    "arguments", [{}, {"second_order": True}, {"estimator": "pes"}], ids=["first", "second", "pes"]
)
def test_a_rule_that_is_not_run_on_hidden_kernels_is_trained(learned, arguments):
    rule = learned("orthogonal-lengths", units=3, reach=3.0)
    trainer = make_trainer(rule, [Hidden()], trained="head", **arguments)
    before = rule.head.get_weights()
    for _ in range(3):
        assert trainer.train_step(None)["dropped"] == 0
    assert all(
        np.isfinite(new).all() and np.any(new != old)
        for old, new in zip(before, rule.head.get_weights(), strict=True)
    )
    runs = [run for live in trainer.live_tasks for run in live._runs]
    assert all(part.shape == (9, 3) for _, _, state in runs for part in state)


def test_mixed_precision_scales_no_loss():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        trainer = make_trainer(make_rule("adam", units=1, layers=1), [TASK])
    finally:
        keras.config.set_dtype_policy("float32")
    assert not isinstance(trainer.optimizer, keras.optimizers.LossScaleOptimizer)


def test_horizons_share_the_meta_updates():
    trainer = make_trainer(make_rule("adam", units=1), [TASK], horizons=(2, 4, 8), meta_updates=6)
    stages = []
    for update in range(8):
        trainer.update.assign(update)
        stages.append(int(trainer._horizon()))
    assert stages == [2, 2, 4, 4, 8, 8, 8, 8]


def test_without_logarithms_the_mean_loss_is_logged(learned):
    rule, below = learned("rnnprop", units=2), Fragile()
    below.factor.assign(-1.0)
    trainer = make_trainer(rule, [TASK, below], log_loss=False)
    windows = [first_window(trainer, live, log_loss=False) for live in trainer.live_tasks]
    logs = trainer.train_step(None)
    assert int(logs["dropped"]) == 0 and "log_loss" not in logs
    expected = np.mean([each.losses for each in windows])
    assert abs(expected) > 0.1
    np.testing.assert_allclose(logs["loss"], expected, rtol=1e-4)


def test_clipping_bounds_how_far_the_weights_go(learned):
    rule = learned("rnnprop", units=2)
    trainer = make_trainer(rule, [TASK], keras.optimizers.SGD(1.0, global_clipnorm=0.01))
    before = rule.get_weights()
    assert trainer.train_step(None)["gradient_norm"] > 0.02
    change = [after - b for after, b in zip(rule.get_weights(), before, strict=True)]
    np.testing.assert_allclose(tf.linalg.global_norm(change), 0.01, rtol=1e-3)


def test_a_short_meta_training_makes_a_better_rule():
    keras.utils.set_random_seed(0)
    rule = make_rule("rnnprop")
    trainer = make_trainer(
        rule,
        [Quadratics(16, 3)] * 2,
        keras.optimizers.Adam(1e-2, global_clipnorm=1.0),
        meta_updates=40,
        window=5,
        horizons=(20,),
    )
    held_out = Trajectory(Quadratics(32, 3), lambda: LearnedOptimizer(weights=rule))
    start = held_out.run(0, 20)
    history = trainer.fit(trainer.updates(), steps_per_epoch=40, shuffle=False, verbose=0).history
    assert history["dropped"] == [0]
    assert mean_final_loss(held_out.run(0, 20)) < 0.1 * min(start[0], mean_final_loss(start))


@pytest.mark.parametrize(("estimator", "tasks", "live"), [("pes", 1, 1), ("tbptt", 3, 1)])
def test_a_resumed_meta_training_goes_on_exactly(learned, tmp_path, estimator, tasks, live):
    def make():
        rate = keras.optimizers.schedules.CosineDecay(1e-2, 8)
        return make_trainer(
            learned("adam", units=2),
            [TASK] * tasks,
            keras.optimizers.Adam(rate),
            meta_updates=8,
            horizons=(4, 8),
            estimator=estimator,
            live=live,
        )

    def fit(trainer, epochs, done):
        trainer.fit(
            trainer.updates(),
            initial_epoch=done,
            epochs=epochs,
            steps_per_epoch=3,
            shuffle=False,
            verbose=0,
        )

    whole, resumed = make(), make()
    fit(whole, 1, 0)
    whole.save_weights(tmp_path / "checkpoint.weights.h5")
    fit(whole, 2, 1)
    resumed.load_weights(tmp_path / "checkpoint.weights.h5")
    assert int(resumed.update) == 3
    fit(resumed, 2, 1)
    assert int(resumed.update) == 6
    for mine, theirs in zip(resumed.weights, whole.weights, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    for mine, theirs in zip(resumed.optimizer.variables, whole.optimizer.variables, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_evolution_keeps_its_noise_until_an_instance_ends(learned):
    rule = learned("rnnprop", units=2)
    trainer = make_trainer(
        rule, [TASK], estimator="pes", pes_pairs=2, pes_sigma=0.02, schedule="cosine"
    )
    (live,) = trainer.live_tasks
    assert (len(live._runs), len(live._noise)) == (4, 2)
    for update in range(3):
        if update == 2:  # The second instance begins, without noise.
            seed = tf.constant(live.seed)
            live.start(4)
            assert np.any(live.seed != seed)
            assert not any(np.any(v) for pair in live._noise for v in pair)
        step = tf.constant(live._step.numpy())
        runs = [
            unroll.Progress(*([tf.constant(v.numpy()) for v in part] for part in run), step)
            for run in live._runs
        ]
        noise = [[tf.constant(v.numpy()) for v in pair] for pair in live._noise]
        before = rule.get_weights()

        def rate(step):
            return trainer.rate(step, tf.constant(4, tf.int64))

        done = pes.window(TASK, rule, runs, noise, live.seed, 2, rate, 0.02)
        trainer.train_step(None)
        assert_close(
            rule.get_weights(), [w - g for w, g in zip(before, done.gradient, strict=True)], 1e-4
        )
        for mine, theirs in zip(live._noise, done.noise, strict=True):
            assert_close(mine, theirs)
            assert all(np.any(v) for v in mine)


def test_the_rate_is_the_rules_and_follows_the_schedule():
    rule = make_rule("adam", units=1)
    rule.learning_rate = 0.02
    trainer = make_trainer(rule, [TASK])
    np.testing.assert_allclose([trainer.rate(tf.constant(s), 4) for s in (0, 3)], 0.02)
    rule.learning_rate = 0.1
    trainer = make_trainer(rule, [TASK], schedule="cosine")
    rates = [float(trainer.rate(tf.constant(step), tf.constant(4))) for step in range(5)]
    expected = 0.05 * (1 + np.cos(np.pi * np.arange(5) / 4))
    np.testing.assert_allclose(rates, expected, atol=1e-7)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tasks": []}, "there is no task to train on"),
        ({"horizons": (4, 7)}, "horizons must be multiples of the window, 2"),
        ({"estimator": "es"}, "estimator must be 'tbptt' or 'pes', got 'es'"),
        ({"schedule": "linear"}, "schedule must be 'constant' or 'cosine', got 'linear'"),
        ({"trained": "body"}, "trained must be 'all' or 'head', got 'body'"),
        ({"horizons": ()}, r"horizons must be multiples of the window, 2, got \(\)"),
        ({"horizons": (0,)}, r"horizons must be multiples of the window, 2, got \(0,\)"),
        ({"live": 0}, "live must be from 1 to 1, the number of tasks, got 0"),
        ({"live": 2}, "live must be from 1 to 1, the number of tasks, got 2"),
        ({"window": 0}, "window must be at least 1, got 0"),
        ({"meta_updates": 0}, "meta_updates must be at least 1, got 0"),
        ({"patience": 0}, "patience must be at least 1, got 0"),
        ({"estimator": "pes", "pes_pairs": 0}, "pes_pairs must be at least 1, got 0"),
        ({"estimator": "pes", "pes_sigma": 0.0}, "pes_sigma must be above 0, got 0"),
        ({"estimator": "pes", "log_loss": False}, "log_loss=False and .* are of 'tbptt' alone"),
        ({"estimator": "pes", "second_order": True}, "second_order are of 'tbptt' alone"),
    ],
)
def test_refuses_what_it_cannot_do(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_trainer(make_rule("adam", units=1), **{"tasks": [TASK], **arguments})
