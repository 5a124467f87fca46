import keras
import numpy as np
import pytest
import tensorflow as tf

from meta_aux import MAXL, MaskNetwork, MultiTask, RealDenoiser, maxl
from tests.meta_aux.conftest import FILTERS


def losses(denoiser, noisy, clean):
    """The loss of the network, the primary loss and the gradient loss, in plain words."""
    clean_prediction, noisy_prediction = denoiser.network(noisy)
    mask = denoiser.predict_mask(noisy)
    primary = tf.reduce_mean(abs(clean_prediction - clean))
    auxiliary = tf.reduce_mean(mask * abs(noisy_prediction - noisy))
    difference = mask - noisy
    edges = tf.reduce_mean(abs(difference[:, 1:] - difference[:, :-1]))
    edges += tf.reduce_mean(abs(difference[:, :, 1:] - difference[:, :, :-1]))
    return primary + auxiliary, primary, edges


def descend(denoiser, noisy, clean, learning_rate):
    weights = denoiser.network.trainable_variables
    with tf.GradientTape() as tape:
        loss, _, _ = losses(denoiser, noisy, clean)
    for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
        weight.assign(weight - learning_rate * gradient)


def meta_loss(denoiser, noisy, clean, learning_rate, gradient_weight):
    """The loss that the mask network's gradient is the gradient of, by really taking the step."""
    before = denoiser.network.get_weights()
    descend(denoiser, noisy, clean, learning_rate)
    _, primary, edges = losses(denoiser, noisy, clean)
    denoiser.network.set_weights(before)
    return float(primary + gradient_weight * edges)


def tiny(mask=True):
    keras.utils.set_random_seed(0)
    return RealDenoiser(MultiTask(FILTERS), MaskNetwork(2) if mask else None)


def compiled(denoiser, run_eagerly=True, **arguments):
    trainer = MAXL(denoiser, **arguments)
    adam = [keras.optimizers.Adam(1e-2, epsilon=1e-8) for _ in range(2)]
    mask_adam = adam[1] if denoiser.mask_weights else None
    trainer.compile(adam[0], mask_adam, run_eagerly=run_eagerly, jit_compile=False)
    return trainer


def batches(pair, count):
    batch = tf.data.Dataset.from_tensors(tuple(image.astype(np.float32) for image in pair))
    return batch.repeat(count)


@pytest.mark.parametrize("gradient_weight", [0.0, 0.3])
def test_meta_gradient_against_finite_differences(gradient_weight, denoiser, pair, generator):
    settings = *pair, 0.05, gradient_weight
    loss, gradients = maxl.meta_gradient(denoiser, *settings)
    np.testing.assert_allclose(loss, meta_loss(denoiser, *settings), rtol=1e-12)
    start = denoiser.mask_network.get_weights()
    for _ in range(2):
        direction = [generator.normal(size=weight.shape) for weight in start]
        ahead, behind = [], []
        for step, values in ((1e-5, ahead), (-1e-5, behind)):
            denoiser.mask_network.set_weights(
                [w + step * d for w, d in zip(start, direction, strict=True)]
            )
            values.append(meta_loss(denoiser, *settings))
        denoiser.mask_network.set_weights(start)
        along = sum(np.sum(g * d) for g, d in zip(gradients, direction, strict=True))
        np.testing.assert_allclose(along, (ahead[0] - behind[0]) / 2e-5, rtol=1e-4)


def test_first_order_agrees_to_leading_order(denoiser, pair):
    exact_loss, exact = maxl.meta_gradient(denoiser, *pair, 0.001, 0.0)
    loss, gradients = maxl.finite_difference_meta_gradient(denoiser, *pair, 0.001, 0.0)
    np.testing.assert_allclose(loss, exact_loss, rtol=1e-12)
    exact, gradients = (np.concatenate([np.ravel(g) for g in part]) for part in (exact, gradients))
    assert np.linalg.norm(exact) > 0
    assert np.linalg.norm(gradients - exact) < 0.1 * np.linalg.norm(exact)


def test_the_gradient_loss_has_the_same_part_in_both_orders(denoiser, pair):
    parts = []
    for gradient in (maxl.meta_gradient, maxl.finite_difference_meta_gradient):
        without, with_it = (gradient(denoiser, *pair, 0.001, weight)[1] for weight in (0.0, 0.01))
        parts.append([b - a for a, b in zip(without, with_it, strict=True)])
    for exact, other in zip(*parts, strict=True):
        np.testing.assert_allclose(other, exact, rtol=1e-7, atol=1e-15)


def test_the_networks_step_is_that_of_the_sum_of_losses(denoiser, pair):
    trainer = MAXL(denoiser, steps_per_pass=1)
    # Keras holds rates in float32: this one is exact.
    trainer.compile(keras.optimizers.SGD(0.125), keras.optimizers.SGD(0.125))
    masks, before = denoiser.mask_network.get_weights(), denoiser.network.get_weights()
    logs = trainer.train_step(pair)
    stepped = denoiser.network.get_weights()
    denoiser.network.set_weights(before)
    np.testing.assert_allclose(logs["loss"], losses(denoiser, *pair)[0], rtol=1e-6)
    descend(denoiser, *pair, 0.125)
    for a, b in zip(stepped, denoiser.network.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    for a, b in zip(masks, denoiser.mask_network.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_passes_alternate_and_are_resumed_where_they_were(pair, tmp_path):
    trainer = compiled(tiny(), steps_per_pass=2)
    changed = []
    for update in range(6):
        networks = trainer.denoiser.network, trainer.denoiser.mask_network
        before = [network.get_weights() for network in networks]
        trainer.fit(batches(pair, 1), verbose=0, shuffle=False)
        changed.append(
            "".join(
                letter
                for letter, network, old in zip("nm", networks, before, strict=True)
                if not all(map(np.array_equal, network.get_weights(), old))
            )
        )
        if update == 2:
            trainer.save_weights(tmp_path / "run.weights.h5")
    assert changed == ["n", "n", "m", "m", "n", "n"]
    assert trainer.updates == 6

    resumed = compiled(tiny(), steps_per_pass=2)
    resumed.load_weights(tmp_path / "run.weights.h5")
    assert resumed.updates == 3
    resumed.fit(batches(pair, 3), verbose=0, shuffle=False)
    for a, b in zip(resumed.get_weights(), trainer.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("mask", [True, False])
def test_without_a_mask_optimizer_every_pass_is_the_networks(mask, pair):
    trainer = MAXL(tiny(mask), steps_per_pass=1)
    trainer.compile(keras.optimizers.Adam(1e-2), run_eagerly=True)
    networks = [trainer.denoiser.network] + [trainer.denoiser.mask_network] * mask
    before = [network.get_weights() for network in networks]
    trainer.fit(batches(pair, 2), verbose=0, shuffle=False)
    assert trainer.updates == int(trainer.optimizer.iterations) == 2
    assert not np.array_equal(before[0][0], networks[0].get_weights()[0])
    for old, network in zip(before[1:], networks[1:], strict=True):
        assert all(map(np.array_equal, old, network.get_weights()))


@pytest.mark.parametrize("second_order", [True, False])
def test_training_lowers_the_loss(second_order, pair):
    settings = {"second_order": second_order, "gradient_weight": 1.0}
    trainer = compiled(tiny(), run_eagerly=False, steps_per_pass=4, **settings)
    batch = batches(pair, 1).get_single_element()
    before, _, edges_before = losses(trainer.denoiser, *batch)
    logs = trainer.fit(batches(pair, 40), verbose=0, shuffle=False).history
    after, _, edges_after = losses(trainer.denoiser, *batch)
    assert after < 0.8 * before and edges_after < 0.95 * edges_before
    assert set(logs) == {"loss", "meta_loss", "mask"} and 0 < logs["mask"][0] < 1


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_denoises_and_learns_like_its_model_whatever_the_policy(policy, pair):
    denoiser, other = tiny(), tiny()
    keras.config.set_dtype_policy(policy)
    try:
        trainer = compiled(denoiser, steps_per_pass=1)
    finally:
        keras.config.set_dtype_policy("float32")
    noisy = pair[0].astype(np.float32)
    np.testing.assert_array_equal(trainer(noisy), denoiser(noisy))
    trainers = [trainer, compiled(other, steps_per_pass=1)]
    for each in trainers:
        each.fit(batches(pair, 1), verbose=0, shuffle=False)
    for a, b in zip(denoiser.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_takes_single_batches_and_optimizers_by_name(pair):
    trainer = MAXL(tiny(), steps_per_pass=1)
    trainer.compile("adam", "adam", run_eagerly=True)
    before = trainer.denoiser.get_weights()
    for _ in range(2):
        trainer.train_on_batch(*(image.astype(np.float32) for image in pair))
    assert trainer.updates == 2
    changed = [np.any(a != b) for a, b in zip(before, trainer.denoiser.get_weights(), strict=True)]
    assert sum(changed) == len(changed) - 1  # all but the rates of adaptation


def test_refuses_settings_that_make_no_sense():
    with pytest.raises(ValueError, match="steps_per_pass must be at least 1, got 0"):
        MAXL(tiny(), steps_per_pass=0)
    for arguments in ({"learning_rate": 0.0}, {"gradient_weight": -0.1}):
        with pytest.raises(ValueError, match="learning_rate must be above 0 and gradient_weight"):
            MAXL(tiny(), steps_per_pass=1, **arguments)
    frozen = tiny()
    frozen.network.heads.trainable = False
    with pytest.raises(ValueError, match="MAXL: parts of the network are frozen"):
        MAXL(frozen, steps_per_pass=1).compile("adam")
    trainer, adam = MAXL(tiny(mask=False), steps_per_pass=1), keras.optimizers.Adam
    with pytest.raises(ValueError, match="there is no mask network for the mask_optimizer"):
        trainer.compile(adam(), adam())
