import keras
import numpy as np
import pytest
import tensorflow as tf

from meta_aux import MTL, MaskNetwork, MultiTask, ParallelHeads, RealDenoiser, diagonal_fields
from tests.meta_aux.conftest import FILTERS

SETTINGS = {"steps": 3, "learning_rate": 0.02, "inner_weight": 2.0, "outer_weight": 3.0}


def by_hand(denoiser, noisy, clean, adapt_body, fields):
    """Sum over images of the weighted loss after steps that are really taken, all of the network
    at every step; and the same before the steps.
    """
    network = denoiser.network
    adapting = network if adapt_body else network.heads

    def loss_of(image, field):
        patch = image[:, *field]
        if adapt_body:
            predicted = network(patch)[1]
        else:
            predicted = network.heads([network.body(image)[:, *field], patch])[1]
        return tf.reduce_mean(denoiser.predict_mask(patch) * abs(predicted - patch))

    after, before = [], []
    for image, truth in zip(map(tf.constant, noisy[:, None]), clean[:, None], strict=True):
        start = adapting.get_weights()
        before.append(float(tf.reduce_mean(abs(network(image)[0] - truth))))
        for _ in range(SETTINGS["steps"]):
            with tf.GradientTape() as tape:
                loss = sum(loss_of(image, field) for field in fields) / len(fields)
                loss *= SETTINGS["inner_weight"]
            weights = adapting.trainable_variables
            gradients = tape.gradient(loss, weights)
            for weight, gradient in zip(weights, gradients, strict=True):
                weight.assign(weight - SETTINGS["learning_rate"] * gradient)
        after.append(float(tf.reduce_mean(abs(network(image)[0] - truth))))
        adapting.set_weights(start)
    return after, before


@pytest.mark.parametrize(
    ("side", "every", "fields"),
    [
        (64, 3, [(slice(0, 8), slice(0, 8))]),
        (4, 1, [(slice(r, r + 4), slice(c, c + 4)) for r in (0, 4) for c in (0, 4)]),
        (
            2,
            3,
            [
                (slice(row, row + 2), slice(column, column + 2))
                for row, column in ((0, 0), (0, 6), (2, 4), (4, 2), (6, 0), (6, 6))
            ],
        ),
    ],
)
@pytest.mark.parametrize("adapt_body", [False, True])
def test_one_update_against_steps_by_hand(
    adapt_body, side, every, fields, denoiser, pair, generator, monkeypatch
):
    monkeypatch.setattr(diagonal_fields, "SIDE", side)
    trainer = MTL(denoiser, adapt_body=adapt_body, every=every, **SETTINGS)
    trainer.compile(keras.optimizers.SGD(1.0))
    parts = [denoiser.network.body, denoiser.network.heads, denoiser.mask_network]
    start = [part.get_weights() for part in parts]
    after, before = by_hand(denoiser, *pair, adapt_body, fields)
    logs = trainer.train_step(tuple(map(tf.constant, pair)))
    np.testing.assert_allclose(logs["loss"], np.mean(after), rtol=1e-6)
    np.testing.assert_allclose(logs["loss_before"], np.mean(before), rtol=1e-6)

    # At rate 1 an update is the gradient; it must be the slope of the loss along any direction.
    gradients = [
        [old - new for old, new in zip(weights, part.get_weights(), strict=True)]
        for part, weights in zip(parts, start, strict=True)
    ]
    for part, weights in zip(parts, start, strict=True):
        part.set_weights(weights)
    for part, weights, gradient in zip(parts, start, gradients, strict=True):
        direction = [generator.normal(size=weight.shape) for weight in weights]
        values = []
        for step in (1e-6, -1e-6):
            part.set_weights([w + step * d for w, d in zip(weights, direction, strict=True)])
            loss = sum(by_hand(denoiser, *pair, adapt_body, fields)[0])
            values.append(SETTINGS["outer_weight"] * loss)
        part.set_weights(weights)
        along = sum(np.sum(g * d) for g, d in zip(gradient, direction, strict=True))
        assert along != 0
        np.testing.assert_allclose(along, (values[0] - values[1]) / 2e-6, rtol=1e-4)


def test_learning_rates_follow_the_slope_of_the_loss(denoiser, pair, generator):
    trainer = MTL(denoiser, **SETTINGS)
    still, rates = keras.optimizers.SGD(1e-300), keras.optimizers.SGD(1.0)
    trainer.compile(still, rates_optimizer=rates)
    start = denoiser.log_rates.numpy()
    np.testing.assert_allclose(np.exp(start), 0.04)  # inner_weight * learning_rate
    trainer.train_step(tuple(map(tf.constant, pair)))
    gradient = start - denoiser.log_rates.numpy()
    assert np.all(gradient != 0)

    # A trainer without a rate of its own keeps the denoiser's.
    trainer = MTL(denoiser, **{**SETTINGS, "learning_rate": None})
    trainer.compile(still)
    values, direction = [], generator.normal(size=start.shape)
    for step in (2e-3, -2e-3):
        denoiser.log_rates.assign(start + step * direction)
        logs = trainer.train_step(tuple(map(tf.constant, pair)))
        values.append(float(logs["loss"]))
        trainer.reset_metrics()
    scale = len(pair[0]) * SETTINGS["outer_weight"]  # a sum over images, and the log is a mean
    slope = scale * (values[0] - values[1]) / 4e-3
    np.testing.assert_allclose(gradient @ direction, slope, rtol=1e-2)  # the log is in float32


@pytest.mark.parametrize("network", [MultiTask, ParallelHeads])
@pytest.mark.parametrize("mask", [True, False])
def test_training_lowers_the_loss(network, mask, pair):
    keras.utils.set_random_seed(0)
    denoiser = RealDenoiser(network(FILTERS), MaskNetwork(2) if mask else None)
    trainer = MTL(denoiser, steps=2)
    trainer.compile(keras.optimizers.Adam(1e-2, epsilon=1e-8), jit_compile=False)
    batch = tf.data.Dataset.from_tensors(tuple(image.astype(np.float32) for image in pair))
    logs = trainer.fit(batch, epochs=25, verbose=0, shuffle=False).history
    assert logs["loss"][-1] < 0.8 * logs["loss"][0]
    assert set(logs) == {"loss", "loss_before", "mask"}
    noisy = pair[0].astype(np.float32)
    np.testing.assert_array_equal(trainer(noisy), denoiser(noisy))


def test_resumes_exactly(pair, tmp_path):
    batch = tf.data.Dataset.from_tensors(tuple(image.astype(np.float32) for image in pair))

    def trainer():
        keras.utils.set_random_seed(0)
        trainer = MTL(RealDenoiser(MultiTask(FILTERS), MaskNetwork(2)), steps=2)
        trainer.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
        return trainer

    whole = trainer()
    whole.fit(batch.repeat(2), verbose=0, shuffle=False)
    whole.save_weights(tmp_path / "run.weights.h5")
    whole.fit(batch, verbose=0, shuffle=False)
    resumed = trainer()
    resumed.load_weights(tmp_path / "run.weights.h5")
    resumed.fit(batch, verbose=0, shuffle=False)
    for a, b in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_takes_single_batches_and_optimizers_by_name(pair):
    keras.utils.set_random_seed(0)
    trainer = MTL(RealDenoiser(MultiTask(FILTERS), MaskNetwork(2)), steps=1)
    trainer.compile("adam", "adam", run_eagerly=True)
    before = trainer.denoiser.get_weights()
    trainer.train_on_batch(*(image.astype(np.float32) for image in pair))
    for old, new in zip(before, trainer.denoiser.get_weights(), strict=True):
        assert np.any(old != new)


def test_refuses_no_steps(denoiser):
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        MTL(denoiser, steps=0)
    for arguments in ({"inner_weight": 0.0}, {"learning_rate": -1e-5}):
        with pytest.raises(ValueError, match="learning_rate and inner_weight must be above 0"):
            MTL(denoiser, **arguments)
    with pytest.raises(ValueError, match="every must be at least 1, got 0"):
        MTL(denoiser, every=0)
    with pytest.raises(ValueError, match="outer_weight must be above 0, got nan"):
        MTL(denoiser, outer_weight=float("nan"))


def test_refuses_frozen_heads(denoiser):
    denoiser.network.heads.trainable = False
    with pytest.raises(ValueError, match="MTL: what adapts is frozen; set denoiser.network"):
        MTL(denoiser).compile("adam")


@pytest.mark.parametrize("of_mask", [False, True])
def test_refuses_float16_whose_losses_would_have_to_be_scaled(of_mask):
    dtypes = ["float32", "mixed_float16"]
    network, mask = dtypes if of_mask else reversed(dtypes)
    denoiser = RealDenoiser(MultiTask(FILTERS, dtype=network), MaskNetwork(2, dtype=mask))
    with pytest.raises(ValueError, match="use mixed_bfloat16, not float16"):
        MTL(denoiser)


def test_refuses_images_of_unknown_size(denoiser, pair):
    trainer = MTL(denoiser)
    trainer.compile(keras.optimizers.SGD(1.0))
    unknown = tf.TensorSpec((None, None, None, 3), "float64")
    step = tf.function(trainer.train_step, input_signature=[(unknown, unknown)])
    with pytest.raises(ValueError, match="height and width must be known"):
        step(pair)
