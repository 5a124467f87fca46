"""Adaptation of a network like real-mtl to a photograph of 512x512 in 5 steps; updates of MTL.

Beside each stands the same without what makes it fast: all of the network and the mask network run
at every step, on every pixel. (Ours run the body once, and look at a third of the pixels.)
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
from meta_aux.self_supervision import LOSSES

STEPS, SIDE = 5, 512
BATCH, PATCH = 2, 128  # the paper's
PLAIN, NAIVE = "plain forward pass", "{}, all of the network and every pixel"


def measure():
    """Yields lines: times as multiples of a plain forward pass, updates, and peak memory."""
    adaptations, updates = _adaptations(), _updates()
    plain, *times = seconds_in_turns(adaptations, least_seconds=5.0).values()
    yield _line(PLAIN, plain)
    for loss, ours, naive in zip(LOSSES, times[::2], times[1::2], strict=True):
        yield _line(f"adapt, {loss} loss", ours, f"{ours / plain:.1f} passes; the target is 4")
        yield _line(NAIVE.format(loss), naive, f"{naive / ours:.1f}x; the target is 3")
    ours, naive = seconds_in_turns(updates, least_seconds=6.0).values()
    yield _line(f"MTL, an update of {BATCH} of {PATCH}x{PATCH}", ours)
    yield _line(NAIVE.format("MTL"), naive, f"{naive / ours:.1f}x; the target is 3")
    for name in (*adaptations, *updates):
        peak = in_own_process(__name__, name)
        yield f"{f'memory: {name}':<48}{peak / 1e6:8.0f} MB"


def _line(name, seconds, comparison=""):
    return f"{name:<48}{1000 * seconds:8.0f} ms{comparison and f': {comparison}'}"


def _adaptations():
    model = RealDenoiser(MultiTask(), MaskNetwork())
    photograph = np.random.default_rng(0).random((1, SIDE, SIDE, 3), np.float32)
    forward = tf.function(model)
    rates = {name: loss.rates(model) for name, loss in LOSSES.items()}

    @tf.function
    def restore(weights):
        return _predict(model, weights, photograph)[0]

    @tf.function
    def auxiliary_step(weights):
        mask = model.predict_mask(photograph)
        gradients = auxiliary_gradient(
            lambda w: _predict(model, w, photograph), weights, photograph, mask
        )
        return LOSSES["auxiliary"].descend(weights, gradients, rates["auxiliary"])

    @tf.function
    def restored_step(weights, again, clean):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            loss = reconstruction(_predict(model, weights, again)[0], clean)
        zero = tf.UnconnectedGradients.ZERO
        gradients = tape.gradient(loss, weights, unconnected_gradients=zero)
        return LOSSES["restored"].descend(weights, gradients, rates["restored"])

    def naive_auxiliary():
        weights = _heads(model)
        for _ in range(STEPS):
            weights = auxiliary_step(weights)
        return restore(weights).numpy()

    def naive_restored():
        weights = _heads(model)
        clean = tf.clip_by_value(restore(weights), 0, 1)
        again = tf.clip_by_value(clean + tf.reverse(photograph - clean, axis=[1, 2]), 0, 1)
        for _ in range(STEPS):
            weights = restored_step(weights, again, clean)
        return restore(weights).numpy()

    return {
        PLAIN: lambda: forward(photograph).numpy(),
        "auxiliary": lambda: adapt(model, photograph, STEPS, loss="auxiliary"),
        NAIVE.format("auxiliary"): naive_auxiliary,
        "restored": lambda: adapt(model, photograph, STEPS, loss="restored"),
        NAIVE.format("restored"): naive_restored,
    }


def _heads(model):
    return [tf.convert_to_tensor(weight) for weight in model.network.heads.trainable_variables]


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
        heads = _heads(model)
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
        "MTL": lambda: float(ours((noisy, clean))["loss"]),
        NAIVE.format("MTL"): lambda: float(naive(noisy, clean)),
    }


if __name__ == "__main__":
    {**_adaptations(), **_updates()}[sys.argv[1]]()
    print(json.dumps(resident("VmHWM")))
