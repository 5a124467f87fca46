"""Meta-training: a learned optimizer for a network and data of one's own.

The task is to train a small dense network on scikit-learn's digits for 100 steps. The rule starts
as exactly Adam, at the best of Adam's learning rates from 0.01 to 0.1, so that all it gains is
learned. It is meta-trained, written to a folder, and then trains the network from initial weights
that it has never seen: it ends at a loss of 0.062, Adam at 0.080. Takes two minutes on two cores:

    .venv/bin/python examples/meta_train_own_task.py
"""

import sys

import keras
import tensorflow as tf
from tqdm import tqdm

from dncnn_keras.datasets.digits import load_digits
from learned_optim import LearnedOptimizer, MetaTrainer, save_rule
from learned_optim.rules import make_rule
from learned_optim.tasks.keras_model import KerasTask
from learned_optim.trajectory import Trajectory, mean_final_loss


def make_task(initial_seeds):
    """Training a network of 20 hidden units on random batches of 64 digits."""
    x, y = map(tf.constant, load_digits("digits", "train"))

    def make_model():
        return keras.Sequential(
            [
                keras.Input((64,)),
                keras.layers.Dense(20, activation="tanh"),
                keras.layers.Dense(10, activation="softmax"),
            ]
        )

    def sample(seed):
        rows = tf.random.stateless_uniform((64,), seed, maxval=len(x), dtype=tf.int64)
        return tf.gather(x, rows), tf.gather(y, rows)

    return KerasTask(make_model, "sparse_categorical_crossentropy", sample, "digits", initial_seeds)


def main(steps=100, window=50, folder="runs/meta_train_own_task"):
    """Meta-trains for `steps` meta-updates; returns the final losses before and after."""
    keras.utils.set_random_seed(0)
    rule = make_rule("adam")
    rule.learning_rate = 0.05
    held_out = make_task(initial_seeds=range(100, 104))

    def judge(optimizer, title):
        trajectory = Trajectory(held_out, lambda: optimizer)
        seeds = tqdm(range(4), title, disable=None)
        return sum(mean_final_loss(trajectory.run(seed, steps=100)) for seed in seeds) / 4

    before = judge(LearnedOptimizer(weights=rule), "runs before")
    # Windows of half a run and exact meta-gradients keep the rule from being greedy.
    tasks = [make_task(initial_seeds=range(8))]
    trainer = MetaTrainer(rule, tasks, 0, steps, window=window, second_order=True)
    trainer.compile(optimizer=keras.optimizers.Adam(1e-3, global_clipnorm=1.0))
    bar = int(sys.stdout.isatty())  # quiet in a log file
    trainer.fit(trainer.updates(), steps_per_epoch=steps, shuffle=False, verbose=bar)
    weights = save_rule(rule, "digits", folder, provenance={"meta_updates": steps})
    after = judge(LearnedOptimizer(weights=weights), "runs after")
    print(f"loss at the end of 100 steps: {before:.4f} before, {after:.4f} after; {weights}")
    return before, after


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        sys.exit(130)
