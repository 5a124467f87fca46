import numpy as np
import pytest
import tensorflow as tf

from learned_optim.coordinates import Coordinates, hidden_kernels

SHAPES = [(2, 3), (4,), (2, 2, 2, 3), (8, 3), ()]
HIDDEN = [True, False, True, True, False]


def _vector(size):
    return tf.constant(np.random.default_rng(0).normal(size=size), tf.float32)


def test_tensors_follow_each_other_in_the_vector():
    coordinates = Coordinates(SHAPES, HIDDEN)
    assert coordinates.size == 6 + 4 + 24 + 24 + 1
    tensors = coordinates.split(tf.range(59.0))
    for tensor, shape, first in zip(tensors, SHAPES, (0, 6, 10, 34, 58), strict=True):
        np.testing.assert_array_equal(
            tensor, np.arange(first, first + np.prod(shape, dtype=int)).reshape(shape)
        )
    np.testing.assert_array_equal(coordinates.join(tensors), np.arange(59))


def test_everything_becomes_float32():
    coordinates = Coordinates([(2,), (1,)], [False, False])
    joined = coordinates.join([tf.constant([1, 2], tf.float16), tf.constant([3.0], tf.float64)])
    assert joined.dtype == tf.float32
    np.testing.assert_array_equal(joined, [1, 2, 3])


def test_choose_tells_hidden_coordinates_from_others():
    chosen = Coordinates([(2,), (2, 2), (1,)], [False, True, False]).choose(hidden=5.0, other=-1.0)
    np.testing.assert_array_equal(chosen, [-1, -1, 5, 5, 5, 5, -1])
    mixed = Coordinates([(2, 2), (1,)], [True, False]).choose(tf.constant(0.5), np.float64(0))
    assert mixed.dtype == tf.float32
    np.testing.assert_array_equal(mixed, [0.5, 0.5, 0.5, 0.5, 0])


def test_vectors_have_fewer_than_two_dimensions():
    found = Coordinates([(2,), (2, 2), (1, 1), ()], [False, True, False, False]).are_vectors()
    np.testing.assert_array_equal(found, [1, 1, 0, 0, 0, 0, 0, 1])


def test_select_takes_the_coordinates_of_some_tensors():
    coordinates = Coordinates([(2,), (2, 2), (1,)], [False, True, False])
    values = tf.reshape(tf.range(14.0), (7, 2))
    found = coordinates.select(values, [True, False, True])
    np.testing.assert_array_equal(found, values.numpy()[[0, 1, 6]])
    assert coordinates.select(values, [False] * 3).shape == (0, 2)


def test_matrices_of_the_same_shape_are_mapped_together():
    coordinates, vector, default = Coordinates(SHAPES, HIDDEN), _vector(59), _vector(59) + 100
    seen = []

    def function(matrices):
        seen.append(tuple(matrices.shape))
        return 2 * matrices + tf.range(len(matrices), dtype=tf.float32)[:, None, None]

    result = coordinates.map_matrices(function, vector, default).numpy()
    # The 2x2x2x3 convolution kernel is an 8x3 matrix, as the dense kernel is.
    assert sorted(seen) == [(1, 2, 3), (2, 8, 3)]
    expected = default.numpy().copy()
    expected[:6] = 2 * vector[:6]
    expected[10:34] = 2 * vector[10:34]
    expected[34:58] = 2 * vector[34:58] + 1
    np.testing.assert_allclose(result, expected, rtol=1e-6)


def test_a_convolution_kernel_is_a_matrix_of_places_and_inputs_by_outputs():
    kernel = np.random.default_rng(0).normal(size=(3, 3, 4, 5)).astype(np.float32)
    coordinates = Coordinates([kernel.shape], [True])
    matrices = []
    coordinates.map_matrices(
        lambda x: matrices.append(x.numpy()) or x, coordinates.join([kernel]), tf.zeros(180)
    )
    for row, column, channel in np.ndindex(3, 3, 4):
        np.testing.assert_array_equal(
            matrices[0][0, 12 * row + 4 * column + channel], kernel[row, column, channel]
        )


def test_without_hidden_kernels_there_is_nothing_to_map():
    default = _vector(6)
    result = Coordinates([(2, 3)], [False]).map_matrices(None, _vector(6), default)
    np.testing.assert_array_equal(result, default)


@pytest.mark.parametrize(
    ("shapes", "hidden"),
    [
        ([(784, 20), (20,), (20, 20), (20,), (20, 10), (10,)], [2]),
        ([(3, 3, 1, 8), (8,), (3, 3, 8, 8), (8,), (8,), (3, 3, 8, 1), (1,)], [2]),
        ([(5, 4), (4, 3)], []),
        ([(5, 4)], []),
        ([(5,), ()], []),
        # A depthwise or a single-channel kernel is no matrix.
        ([(5, 4), (1, 1, 1, 8), (8, 1), (1, 6), (3, 1, 1, 2), (4, 2)], [4]),
    ],
)
def test_hidden_kernels_are_those_between_the_first_and_the_last(shapes, hidden):
    assert hidden_kernels(shapes) == [index in hidden for index in range(len(shapes))]


def test_embeddings_are_not_hidden():
    names = ["embeddings", "embeddings", "kernel", "kernel"]
    assert hidden_kernels([(9, 4), (7, 4), (4, 4), (4, 2)], names) == [False, False, True, False]


def test_match_norms_gives_each_tensor_the_other_ones_norm():
    coordinates = Coordinates([(2,), (2, 1), (1,)], [False] * 3)
    vector, like = tf.constant([3.0, 4.0, 0.6, 0.8, 5.0]), tf.constant([1.0, 0.0, 0.0, -2.0, 0.0])
    matched = coordinates.match_norms(vector, like)
    np.testing.assert_allclose(matched, [0.6, 0.8, 1.2, 1.6, 0.0], rtol=1e-6, atol=1e-9)
