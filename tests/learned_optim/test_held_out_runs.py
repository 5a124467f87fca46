import keras
import numpy as np
import pytest

from learned_optim import HeldOutRuns, LearnedOptimizer, MetaTrainer
from learned_optim.rules import make_rule
from learned_optim.tasks.quadratic import Quadratics
from learned_optim.trajectory import Trajectory, mean_final_loss

TASK = Quadratics(functions=4, dimensions=2)


def test_the_score_is_that_of_whole_runs():
    rule = make_rule("adam", units=2, layers=1)
    tasks = [TASK, Quadratics(8, 3)]
    curves, finals, score = HeldOutRuns(rule, tasks, steps=12, seeds=2).judge()
    for task, runs, final in zip(tasks, curves, finals, strict=True):
        trajectory = Trajectory(task, lambda: LearnedOptimizer(weights=rule))
        expected = [trajectory.run(seed, 12) for seed in range(2)]
        np.testing.assert_allclose(runs, expected, rtol=1e-6)
        np.testing.assert_allclose(final, np.mean([mean_final_loss(run) for run in expected]))
    np.testing.assert_allclose(score, np.mean(np.log(finals)))


def test_the_rate_is_the_one_that_the_rule_has_when_it_is_judged():
    rule = make_rule("adam", units=2, layers=1)
    held_out = HeldOutRuns(rule, [TASK], steps=12, schedule="cosine")
    rule.learning_rate = 0.05
    (runs,), *_ = held_out.judge()
    trajectory = Trajectory(TASK, lambda: LearnedOptimizer(weights=rule), "cosine")
    np.testing.assert_allclose(runs[0], trajectory.run(0, 12), rtol=1e-6)
    assert runs[0][-1] < 0.9 * runs[0][0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tasks": []}, "there is no task to judge on"),
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"seeds": 0}, "seeds must be at least 1, got 0"),
        ({"every": 0}, "every must be at least 1, got 0"),
    ],
)
def test_refuses_what_it_cannot_do(arguments, message):
    arguments = {"tasks": [TASK], "steps": 1, **arguments}
    with pytest.raises(ValueError, match=message):
        HeldOutRuns(make_rule("adam", units=1), **arguments)


def test_a_rule_that_gets_better_ends_as_its_best():
    rule = make_rule("adam", units=2, layers=1)
    rule.learning_rate = 0.1
    before = rule.get_weights()
    trainer = MetaTrainer(rule, [TASK], seed=0, meta_updates=12, window=5, horizons=(20,))
    trainer.compile(optimizer=keras.optimizers.Adam(0.02))
    held_out = HeldOutRuns(rule, [Quadratics(8, 3)], steps=20)
    updates = trainer.updates()
    arguments = {"epochs": 4, "steps_per_epoch": 3, "shuffle": False, "verbose": 0}
    history = trainer.fit(updates, callbacks=[held_out], **arguments)
    end = held_out.judge()[-1]
    np.testing.assert_allclose(end, min(history.history["held_out"]))
    rule.set_weights(before)
    assert end < held_out.judge()[-1] - 0.01


def test_a_rule_that_breaks_ends_as_it_began():
    rule = make_rule("adam", units=2, layers=1)
    rule.learning_rate = 0.1
    before = rule.get_weights()
    held_out = HeldOutRuns(rule, [TASK], steps=20)
    held_out.set_params({"epochs": 1})
    held_out.on_train_begin()
    rule.set_weights([weight * np.nan for weight in before])
    logs = {}
    held_out.on_epoch_end(0, logs)
    held_out.on_train_end()
    for mine, theirs in zip(rule.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert held_out.judge()[-1] < logs["held_out"] == np.inf


def test_losses_that_are_not_positive_have_a_score_of_their_own():
    class Below(Quadratics):
        def loss(self, parameters, batch):
            return super().loss(parameters, batch) - 1e6

    rule = make_rule("adam", units=2, layers=1)
    _, finals, score = HeldOutRuns(rule, [Below(), TASK], steps=2, log_loss=False).judge()
    assert finals[0] < 0 < finals[1]
    np.testing.assert_allclose(score, np.mean(finals))
    with pytest.raises(ValueError, match="final loss of -.* no logarithm; set log_loss=False"):
        HeldOutRuns(rule, [Below(), TASK], steps=2).judge()


def test_it_judges_every_few_epochs_and_at_the_end():
    held_out = HeldOutRuns(make_rule("adam", units=2, layers=1), [TASK], steps=1, every=3)
    held_out.set_params({"epochs": 5})
    assert [epoch for epoch in range(5) if held_out.is_due(epoch)] == [2, 4]
