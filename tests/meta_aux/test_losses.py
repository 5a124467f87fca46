import numpy as np
import tensorflow as tf

from meta_aux import losses


def test_losses_are_one_number_an_image(generator):
    image, target = generator.uniform(size=(2, 3, 4, 5, 3))
    mask = generator.uniform(size=(3, 4, 5, 1))
    plain, masked = np.zeros(3), np.zeros(3)
    edges = np.zeros(3)
    for i, y, x, c in np.ndindex(3, 4, 5, 3):
        distance = abs(image[i, y, x, c] - target[i, y, x, c])
        plain[i] += distance / 60
        masked[i] += mask[i, y, x, 0] * distance / 60
        if x < 4:
            of_mask = mask[i, y, x + 1, 0] - mask[i, y, x, 0]
            edges[i] += abs(of_mask - (image[i, y, x + 1, c] - image[i, y, x, c])) / 48
        if y < 3:
            of_mask = mask[i, y + 1, x, 0] - mask[i, y, x, 0]
            edges[i] += abs(of_mask - (image[i, y + 1, x, c] - image[i, y, x, c])) / 45
    image, target, mask = (tf.constant(array) for array in (image, target, mask))
    np.testing.assert_allclose(losses.reconstruction(image, target), plain, rtol=1e-12)
    np.testing.assert_allclose(losses.masked_reconstruction(image, target, mask), masked, 1e-12)
    np.testing.assert_allclose(losses.gradient_difference(mask, image), edges, rtol=1e-12)
