import os

import numpy as np
import tensorflow as tf

from dncnn_keras import noise, seeds


def test_a_seed_follows_from_its_path_alone():
    paths = [(0,), (1,), (0, "noise"), (0, "patch"), (0, "noise", 1), (0, 1, "noise")]
    derived = {tuple(seeds.derive(*path).numpy()) for path in paths}
    assert len(derived) == len(paths)
    np.testing.assert_array_equal(seeds.derive(0, "noise", 1), seeds.derive(0, "noise", 1))


def test_a_seed_is_the_same_inside_a_graph():
    traced = tf.function(lambda index: seeds.derive(3, "patch", index))
    np.testing.assert_array_equal(traced(tf.constant(7)), seeds.derive(3, "patch", 7))


def test_names_need_not_be_text():
    name = os.fsdecode(b"\xff.png")
    assert tuple(seeds.derive(0, name).numpy()) != tuple(seeds.derive(0, "\xff.png").numpy())


def test_the_numbers_are_those_of_every_machine_and_version():
    # Those of the figures that are kept: with others every table would be one of other noise.
    seed = seeds.derive(0, "noise", "a", 3)
    np.testing.assert_array_equal(seed, [-5860635987880586439, 3])
    np.testing.assert_allclose(
        noise.normal((4,), seed), [0.762956, -0.891152, -0.401283, -0.0168808], rtol=1e-5
    )
    np.testing.assert_allclose(
        noise.uniform(0.0, 1.0, seed, (3,)), [0.502517, 0.387310, 0.922510], rtol=1e-5
    )
