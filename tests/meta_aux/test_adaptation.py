import functools
import sys
import weakref

import numpy as np
import pytest
import tensorflow as tf

from meta_aux import MaskNetwork, MultiTask, ParallelHeads, RealDenoiser, adapt
from meta_aux.adaptation import OVERLAP
from meta_aux.multi_task import Body
from meta_aux.self_supervision import LOSSES, Restored
from tests.meta_aux.conftest import FILTERS


@pytest.fixture
def noisy(generator):
    return generator.uniform(size=(7, 5, 3))


def by_hand(model, noisy, steps, learning_rate):
    """Clean image after every step, with all of the network run at every step.

    The rates in these tests are exact in float32, in which `adapt` takes them.
    """
    image = noisy[None]
    heads = model.network.heads
    start = heads.get_weights()
    images = [model.network(image)[0][0]]
    for _ in range(steps):
        with tf.GradientTape() as tape:
            predicted = model.network(image)[1]
            loss = tf.reduce_mean(model.predict_mask(image) * abs(predicted - image))
        weights = heads.trainable_variables
        for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
            weight.assign(weight - learning_rate * gradient)
        images.append(model.network(image)[0][0])
    heads.set_weights(start)
    return np.clip(images, 0, 1)


def test_every_step_against_steps_by_hand(denoiser, noisy):
    before = denoiser.get_weights()
    expected = by_hand(denoiser, noisy, steps=3, learning_rate=0.0625)
    found = adapt(denoiser, noisy, steps=3, learning_rate=0.0625, details=True, loss="auxiliary")
    assert found.images.shape == (4, 7, 5, 3) and found.images.dtype == np.float32
    np.testing.assert_allclose(found.images, expected, rtol=1e-6, atol=1e-7)
    assert np.abs(expected[3] - expected[0]).max() > 1e-3
    np.testing.assert_array_equal(found.clean, found.images[-1])
    np.testing.assert_allclose(found.mask, denoiser.predict_mask(noisy[None])[0], rtol=1e-6)
    np.testing.assert_array_equal(adapt(denoiser, noisy, 3, 0.0625, loss="auxiliary"), found.clean)
    for a, b in zip(before, denoiser.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("loss", LOSSES)
def test_nothing_is_carried_over_to_the_next_image(loss, denoiser, generator):
    images = generator.uniform(size=(3, 4, 6, 3))
    together = adapt(denoiser, images, 2, 0.0625, loss, details=True)
    assert together.images.shape == (3, *images.shape)
    assert together.mask.shape == (3, 4, 6, 1)
    for number in (2, 0):
        alone = adapt(denoiser, images[number], 2, 0.0625, loss)
        np.testing.assert_allclose(alone, together.clean[number], rtol=0, atol=1e-6)


def test_the_unadapted_image_is_clipped_like_the_adapted_ones(denoiser, generator):
    noisy = generator.uniform(-2, 3, size=(6, 6, 3))
    found = adapt(denoiser, noisy, steps=1, learning_rate=0.01, details=True)
    unclipped = denoiser(noisy[None])[0].numpy()
    assert unclipped.min() < 0 and unclipped.max() > 1
    np.testing.assert_allclose(found.images[0], np.clip(unclipped, 0, 1), atol=1e-6)
    assert [image.min() for image in found.images] == [0, 0]
    assert [image.max() for image in found.images] == [1, 1]
    np.testing.assert_array_equal(adapt(denoiser, noisy, steps=0), found.images[0])


@pytest.mark.parametrize(("loss", "expected"), [("auxiliary", 2), ("restored", 4)])
def test_the_body_runs_once_an_image_or_pair(loss, expected, denoiser, generator, monkeypatch):
    calls = []
    forward = Body.call
    monkeypatch.setattr(Body, "call", lambda *a, **k: calls.append(1) or forward(*a, **k))
    tf.config.run_functions_eagerly(True)
    try:
        adapt(denoiser, generator.uniform(size=(2, 4, 4, 3)), steps=3, loss=loss)
    finally:
        tf.config.run_functions_eagerly(False)
    assert len(calls) == expected


def test_a_learning_rate_for_each_tensor(denoiser, noisy):
    count = len(denoiser.network.heads.trainable_variables)
    own = functools.partial(adapt, denoiser, noisy, loss="auxiliary")
    one = own(learning_rate=0.01)
    np.testing.assert_allclose(own(learning_rate=[0.01] * count), one)
    none = own(steps=0)
    np.testing.assert_array_equal(own(learning_rate=[0.0] * count), none)
    denoiser.log_rates.assign([np.log(0.01)] * count)
    np.testing.assert_allclose(own(), one, atol=1e-6)
    some = own(learning_rate=[0.01] + [0.0] * (count - 1))
    assert not np.allclose(some, one, atol=1e-6) and not np.allclose(some, none, atol=1e-6)


@pytest.mark.parametrize(
    ("size", "loss", "tile"),
    [
        ((5, 801), "auxiliary", 300),
        ((801, 5), "auxiliary", 300),
        ((5, 801), "restored", 300),
        ((300, 310), "restored", 216),
    ],
)
def test_tiles_give_the_whole_images_result(size, loss, tile, denoiser, generator):
    noisy = generator.uniform(size=(*size, 3))
    whole = adapt(denoiser, noisy, 2, 0.1, loss, details=True)
    tiled = adapt(denoiser, noisy, 2, 0.1, loss, details=True, tile=tile)
    assert np.abs(whole.images[2] - whole.images[0]).max() > 1e-3
    for a, b in zip(tiled, whole, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-6)


def test_tiles_overlap_by_what_an_output_depends_on(denoiser, generator):
    noisy = generator.uniform(size=(1, 4, 400, 3))
    results = denoiser.network(noisy)
    reaches = []
    for place in (200, 201, 202, 203):
        other = noisy.copy()
        other[:, :, place] += 1
        for a, b in zip(results, denoiser.network(other), strict=True):
            changed = np.flatnonzero(np.abs(a - b).max(axis=(0, 1, 3)))
            reaches += [place - changed.min(), changed.max() - place]
    assert 60 < max(reaches) <= OVERLAP


def test_refuses_tiles_that_are_too_small(denoiser, noisy):
    with pytest.raises(ValueError, match="must be at least 216, got 215"):
        adapt(denoiser, noisy, tile=215)


@pytest.mark.parametrize(
    ("arguments", "corners"),
    [
        ({}, [(0, 0), (64, 128)]),
        ({"every": 1}, [(r, c) for r in (0, 64) for c in (0, 64, 128)]),
    ],
)
def test_the_steps_follow_every_third_diagonal_or_all(denoiser, generator, arguments, corners):
    noisy = generator.uniform(size=(130, 200, 3)).astype(np.float32)
    heads = denoiser.network.heads
    start = [tf.convert_to_tensor(weight) for weight in heads.trainable_variables]
    features = denoiser.network.body(noisy[None])
    fields = [(slice(r, r + 64), slice(c, c + 64)) for r, c in corners]
    with tf.GradientTape() as tape:
        tape.watch(start)
        losses = []
        for field in fields:
            patch = noisy[field][None]
            predicted = heads.stateless_call(start, [], [features[0][field][None], patch])[0][1]
            losses.append(tf.reduce_mean(denoiser.predict_mask(patch) * abs(predicted - patch)))
        loss = sum(losses) / len(corners)
    weights = [w - 0.0625 * g for w, g in zip(start, tape.gradient(loss, start), strict=True)]
    expected = heads.stateless_call(weights, [], [features, noisy[None]])[0][0][0]
    found = adapt(denoiser, noisy, 1, 0.0625, "auxiliary", **arguments)
    np.testing.assert_allclose(found, np.clip(expected, 0, 1), rtol=0, atol=1e-6)
    assert np.abs(found - adapt(denoiser, noisy, steps=0)).max() > 1e-3


def test_without_a_mask_every_pixel_counts(denoiser, noisy):
    model = RealDenoiser(denoiser.network)
    found = adapt(model, noisy, steps=2, learning_rate=0.0625, details=True, loss="auxiliary")
    np.testing.assert_array_equal(found.mask, np.ones((7, 5, 1)))
    np.testing.assert_allclose(found.images, by_hand(model, noisy, 2, 0.0625), rtol=1e-6, atol=1e-7)


def test_steps_on_restored_pairs_against_steps_by_hand(denoiser, noisy):
    heads, image = denoiser.network.heads, noisy[None]
    clean = np.clip(denoiser(image), 0, 1)
    again = np.clip(clean + (image - clean)[:, ::-1, ::-1], 0, 1)
    start = heads.get_weights()
    expected = [np.clip(denoiser(image)[0], 0, 1)]
    for _ in range(2):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(abs(denoiser(again) - clean))
        weights = heads.trainable_variables
        for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
            if gradient is not None:  # the auxiliary head's
                length = np.linalg.norm(weight) / np.linalg.norm(gradient)
                weight.assign(weight - 0.0625 * length * gradient)
        expected.append(np.clip(denoiser(image)[0], 0, 1))
    heads.set_weights(start)
    found = adapt(denoiser, noisy, 2, 0.0625, "restored", details=True)
    np.testing.assert_allclose(found.images, expected, rtol=0, atol=1e-6)
    assert np.abs(expected[2] - expected[0]).max() > 1e-3


def test_restored_pairs_are_the_default_and_have_a_rate_of_their_own(denoiser, noisy):
    np.testing.assert_array_equal(
        adapt(denoiser, noisy), adapt(denoiser, noisy, 5, Restored.RATE, "restored")
    )
    assert np.abs(adapt(denoiser, noisy) - adapt(denoiser, noisy, steps=0)).max() > 1e-4


def test_an_image_in_which_no_noise_is_found_stays_as_it_is(denoiser, noisy):
    # The other tensors have a length, and would move if there were a gradient.
    last = denoiser.network.heads.get_layer("primary_head").get_layer("conv")
    last.set_weights([0 * weight for weight in last.get_weights()])
    np.testing.assert_allclose(adapt(denoiser, noisy), noisy, rtol=0, atol=1e-6)


def test_frozen_heads_are_refused(denoiser, noisy):
    denoiser.trainable = False
    with pytest.raises(ValueError, match="adapt: the heads are frozen; set model.network.heads"):
        adapt(denoiser, noisy, steps=0)


def test_refuses_steps_and_rates_that_make_no_sense(denoiser, noisy):
    with pytest.raises(ValueError, match="steps must not be negative, got -1"):
        adapt(denoiser, noisy, steps=-1)
    with pytest.raises(ValueError, match="every must be at least 1, got 0"):
        adapt(denoiser, noisy, every=0)
    count = len(denoiser.network.heads.trainable_variables)
    with pytest.raises(ValueError, match=rf"a number or {count} of them.*got the shape \(2,\)"):
        adapt(denoiser, noisy, learning_rate=[1e-3, 1e-3])
    for rate in (-1e-3, np.nan, [np.inf] * count):
        with pytest.raises(ValueError, match="learning_rate must not be negative or NaN"):
            adapt(denoiser, noisy, learning_rate=rate)


@pytest.mark.parametrize("steps", [3, 0])
def test_tells_how_far_it_is(denoiser, generator, monkeypatch, steps):
    tracked = {}

    def track(items, title):
        tracked[title.partition(", ")[2]] = len(items)
        return items

    monkeypatch.setattr(sys.modules["meta_aux.adaptation"], "track", track)
    adapt(denoiser, generator.uniform(size=(200, 801, 3)), steps=steps, tile=216)
    tiles = {"features of tiles": 13, "tiles": 13} if steps else {"tiles": 13}
    assert tracked == {**tiles, "steps": steps}


def test_without_steps_one_tile_is_kept_at_a_time(denoiser, generator, monkeypatch):
    tiles, alive = weakref.WeakSet(), []
    adaptation = sys.modules["meta_aux.adaptation"]
    restore = adaptation._Tile.restore

    def counted(self, weights):
        tiles.add(self)
        alive.append(len(tiles))
        return restore(self, weights)

    monkeypatch.setattr(adaptation._Tile, "restore", counted)
    noisy = generator.uniform(size=(4, 801, 3))
    adapt(denoiser, noisy, steps=0, tile=216)
    assert len(alive) > 5 and max(alive) <= 2  # the next is made before the last is let go


def test_refuses_an_unknown_loss(denoiser, noisy):
    with pytest.raises(ValueError, match="must be one of auxiliary, restored, got 'mse'"):
        adapt(denoiser, noisy, loss="mse")


def test_parallel_heads_cannot_adapt_the_clean_image_by_the_auxiliary_loss(generator, noisy):
    model = RealDenoiser(ParallelHeads(FILTERS), MaskNetwork(2))
    images = adapt(model, noisy, steps=2, learning_rate=1.0, details=True, loss="auxiliary").images
    np.testing.assert_array_equal(images[2], images[0])


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 4, 3), np.uint8), "expected images of floats, got uint8"),
        (np.zeros((4, 4)), r"must have the shape .*, got \(4, 4\)"),
        (np.zeros((4, 4, 1)), r"must have the shape .*, got \(4, 4, 1\)"),
        (np.zeros((0, 4, 4, 3)), r"got nothing, of shape \(0, 4, 4, 3\)"),
        (np.full((4, 4, 3), np.nan), "NaN or infinite"),
        (np.full((4, 4, 3), 1e39), "NaN or infinite"),  # what float32 cannot hold
        (np.full((4, 4, 3), 200.0), "values up to 200, and should be about .0, 1.; divide grey"),
    ],
)
def test_refuses_what_is_no_image(image, message):
    model = RealDenoiser(MultiTask(FILTERS), MaskNetwork(2))
    with pytest.raises(ValueError, match=message):
        adapt(model, image)
