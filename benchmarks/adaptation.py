"""Adaptation of a network like real-mtl to a photograph of 512x512 in 5 steps; updates of MTL.

Beside each stands the same without what makes it fast: all of the network and the mask network run
at every step, on every pixel.
"""

import json
import sys

import keras
import numpy as np
import tensorflow as tf

from benchmarks.memory import in_own_process, resident
from benchmarks.stopwatch import seconds_in_turns
from meta_aux import MTL, MaskNetwork, MultiTask, RealDenoiser, adapt
from meta_aux.inner_loop import auxiliary_gradient, descend
from meta_aux.losses import reconstruction

STEPS, SIDE = 5, 512
BATCH, PATCH = 2, 128  # the paper's


def measure():
    """Yields lines: times as multiples of a plain forward pass, an update, and peak memory."""
    seconds = seconds_in_turns(_adaptations(), least_seconds=5.0)
    plain, restored, auxiliary, naive = seconds.values()
    comparisons = (
        "",
        f": {restored / plain:.1f} passes; the target is 4",
        f": {auxiliary / plain:.1f} passes; the target is 4",
        f": {naive / auxiliary:.1f}x the auxiliary loss's time; the target is 3",
    )
    for (name, each), comparison in zip(seconds.items(), comparisons, strict=True):
        yield f"{name:<40}{1000 * each:8.0f} ms{comparison}"
    ours, naive = seconds_in_turns(_updates(), least_seconds=6.0).values()
    yield f"{f'MTL, an update of {BATCH} of {PATCH}x{PATCH}':<40}{1000 * ours:8.0f} ms"
    yield f"{'the same, all of the network':<40}{1000 * naive:8.0f} ms: {naive / ours:.1f}x"
    for name in seconds:
        peak = in_own_process(__name__, name)
        yield f"{f'memory: {name}':<40}{peak / 1e6:8.0f} MB"


def _adaptations():
    model = RealDenoiser(MultiTask(), MaskNetwork())
    photograph = np.random.default_rng(0).random((1, SIDE, SIDE, 3), np.float32)
    forward = tf.function(model)
    rates = np.exp(model.log_rates.numpy())

    @tf.function
    def step(weights):
        mask = model.predict_mask(photograph)
        gradients = auxiliary_gradient(
            lambda w: _predict(model, w, photograph), weights, photograph, mask
        )
        return descend(weights, gradients, rates)

    @tf.function
    def restore(weights):
        return _predict(model, weights, photograph)[0]

    def naive():
        weights = [tf.convert_to_tensor(w) for w in model.network.heads.trainable_variables]
        for _ in range(STEPS):
            weights = step(weights)
        return restore(weights).numpy()

    return {
        "plain forward pass": lambda: forward(photograph).numpy(),
        "adapt, restored pairs": lambda: adapt(model, photograph, STEPS),
        "adapt, auxiliary loss": lambda: adapt(model, photograph, STEPS, loss="auxiliary"),
        "the same, all of the network": naive,
    }


def _predict(model, heads, noisy):
    body = [tf.convert_to_tensor(w) for w in model.network.body.trainable_variables]
    return model.network.stateless_call([*body, *heads], [], noisy)[0]


def _updates():
    noisy, clean = np.random.default_rng(0).random((2, BATCH, PATCH, PATCH, 3), np.float32)
    model = RealDenoiser(MultiTask(), MaskNetwork())
    trainer = MTL(model, STEPS)
    trainer.compile(optimizer=keras.optimizers.Adam(5e-5, epsilon=1e-8), jit_compile=False)
    optimizer = keras.optimizers.Adam(5e-5, epsilon=1e-8)
    optimizer.build(model.trainable_variables)
    rates = np.exp(model.log_rates.numpy())

    def loss_after(image, truth):
        heads = [tf.convert_to_tensor(weight) for weight in model.network.heads.trainable_variables]
        for _ in range(STEPS):
            mask = model.predict_mask(image)
            gradients = auxiliary_gradient(lambda w: _predict(model, w, image), heads, image, mask)
            heads = descend(heads, gradients, rates)
        return tf.reduce_mean(reconstruction(_predict(model, heads, image)[0], truth))

    @tf.function
    def naive(noisy, clean):
        with tf.GradientTape() as tape:
            images = zip(tf.split(noisy, BATCH), tf.split(clean, BATCH), strict=True)
            loss = sum(loss_after(image, truth) for image, truth in images)
        variables = model.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    ours = tf.function(trainer.train_step)
    return {
        "ours": lambda: float(ours((noisy, clean))["loss"]),
        "naive": lambda: float(naive(noisy, clean)),
    }


if __name__ == "__main__":
    _adaptations()[sys.argv[1]]()
    print(json.dumps(resident("VmHWM")))
