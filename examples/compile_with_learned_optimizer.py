"""`LearnedOptimizer` in the place of Adam, for a small network of one's own.

A convolutional network learns to tell scikit-learn's digits of 8x8 pixels, once trained by Adam and
once by the released rule, from the same initial weights and on the same batches. Both run as they
come, at their default learning rates; a fair race tunes Adam, as experiments/figure4.yaml does.
Takes ten seconds on two cores:

    .venv/bin/python examples/compile_with_learned_optimizer.py
"""

import sys

import keras
import tensorflow as tf

from dncnn_keras.datasets.digits import load_digits
from learned_optim import LearnedOptimizer


def make_model():
    """A network that knows nothing of learned optimizers."""
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(16, 3, activation="relu"),
            keras.layers.Conv2D(32, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


def main(steps=200):
    """Trains the network twice; returns the test losses by optimizer."""
    x, y = load_digits("digits", "train")
    x_test, y_test = load_digits("digits", "test")
    bar = int(sys.stdout.isatty())  # quiet in a log file
    losses = {}
    for name, optimizer in {"Adam": keras.optimizers.Adam(), "learned": LearnedOptimizer()}.items():
        keras.utils.set_random_seed(0)
        # Made anew: a second pass over the same data set would be in another order.
        batches = tf.data.Dataset.from_tensor_slices((x.reshape(-1, 8, 8, 1), y))
        batches = batches.shuffle(len(x), seed=0).repeat().batch(64)
        model = make_model()
        model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(batches, epochs=4, steps_per_epoch=steps // 4, shuffle=False, verbose=bar)
        loss, accuracy = model.evaluate(x_test.reshape(-1, 8, 8, 1), y_test, verbose=0)
        print(f"{name}: test loss {loss:.4f}, accuracy {accuracy:.1%}", flush=True)
        losses[name] = loss
    return losses


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        sys.exit(130)
