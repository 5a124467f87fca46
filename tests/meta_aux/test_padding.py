import numpy as np
import pytest
import tensorflow as tf

from meta_aux.padding import Crop, PadToMultiple


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (4, 8), (5, 12), (9, 6)])
def test_pads_by_reflection_and_crops_again(size, generator):
    image = generator.uniform(size=(2, *size, 3)).astype(np.float32)
    added = [(0, -side % 4) for side in size]
    padded = PadToMultiple(4)(image)
    np.testing.assert_array_equal(padded, np.pad(image, [(0, 0), *added, (0, 0)], "reflect"))
    np.testing.assert_array_equal(Crop()(padded, image), image)


def test_sizes_may_be_unknown_before_the_call(generator):
    layers = PadToMultiple(4), Crop()
    traced = tf.function(
        lambda image: (layers[0](image), layers[1](layers[0](image), image)),
        input_signature=[tf.TensorSpec((None,) * 3 + (1,), tf.float32)],
    )
    for size in ((3, 6), (4, 4)):
        image = generator.uniform(size=(1, *size, 1)).astype(np.float32)
        padded, cropped = traced(image)
        np.testing.assert_array_equal(padded, layers[0](image))
        np.testing.assert_array_equal(cropped, image)


def test_copies_nothing_where_the_size_fits():
    image = tf.zeros((1, 8, 4, 3))
    assert PadToMultiple(4).call(image) is image
    assert Crop().call(image, image) is image
