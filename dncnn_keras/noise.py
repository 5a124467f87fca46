"""Synthetic noise, a pure function of its seed.

Every function takes a seed of shape `(2,)` as `seeds.derive` makes it and draws nothing from
global state: the same seed gives the same noise whatever the batch size, order or device count.
Images are float32 in [0, 1]; `sigma` is a standard deviation in grey levels of 255.
"""

import tensorflow as tf

from dncnn_keras import seeds

CAMERA_GAINS = (1.0, 0.9, 1.2)  # of red, green and blue


def normal(shape, seed):
    """Standard normal numbers of the given shape, by the same generator on every device."""
    return tf.random.stateless_normal(shape, tf.cast(seed, tf.int64), alg="philox")


def uniform(low, high, seed, shape=()):
    """Uniform numbers in [low, high), by the same generator on every device."""
    return tf.random.stateless_uniform(
        shape, tf.cast(seed, tf.int64), minval=low, maxval=high, alg="philox"
    )


def add_gaussian(clean, sigma, seed):
    """Adds white Gaussian noise of exactly the given sigma; nothing is clipped.

    Args:
        clean: float32 tensor of any shape, in [0, 1].
        sigma: Standard deviation in grey levels of 255: a number, or a tensor that broadcasts
            against `clean` (shape `(batch, 1, 1, 1)` for one level per image).
        seed: Seed of shape `(2,)`.

    Returns:
        float32 tensor of the shape of `clean`, which leaves [0, 1].

    Example:

    >>> noisy = add_gaussian(tf.zeros((64, 64, 1)), 25, seeds.derive(0, "noise"))
    """
    clean = tf.convert_to_tensor(clean, tf.float32)
    return clean + normal(tf.shape(clean), seed) * (tf.cast(sigma, tf.float32) / 255.0)


def add_speckle(clean, sigma, seed):
    """Adds multiplicative Gaussian noise: `clean + clean * n`, n of the given sigma.

    Arguments and result as those of `add_gaussian`.
    """
    clean = tf.convert_to_tensor(clean, tf.float32)
    return clean + clean * normal(tf.shape(clean), seed) * (tf.cast(sigma, tf.float32) / 255.0)


def add_salt_and_pepper(clean, amount, salt, seed):
    """Sets a share of the pixels to white or black.

    Args:
        clean: float32 tensor of shape `(height, width, channels)`, in [0, 1].
        amount: Share of the pixels that are hit, in [0, 1]; all channels of a pixel together.
        salt: Probability that a hit pixel becomes white rather than black.
        seed: Seed of shape `(2,)`.

    Returns:
        float32 tensor of the shape of `clean`.
    """
    clean = tf.convert_to_tensor(clean, tf.float32)
    pixels = tf.concat([tf.shape(clean)[:-1], [1]], axis=0)
    hit = uniform(0.0, 1.0, seeds.fold(seed, 0), pixels) < amount
    white = uniform(0.0, 1.0, seeds.fold(seed, 1), pixels) < salt
    return tf.where(hit, tf.cast(white, tf.float32), clean)


def add_camera(clean, sigma, seed):
    """Adds noise as a camera's processing leaves it in the files it writes.

    The variance grows with the signal, by shot noise on top of read noise, and differs among
    the channels, whose gains the white balance sets. Demosaicing and denoising in the camera
    have made the noise coarse: neighbours correlate by 2/3, as they do in real photographs.

    Args:
        clean: float32 tensor of shape `(height, width, 3)`, RGB in [0, 1].
        sigma: Standard deviation in grey levels of 255, on mid-grey and for a gain of 1.
        seed: Seed of shape `(2,)`.

    Returns:
        float32 tensor of the shape of `clean`, in [0, 1].
    """
    clean = tf.convert_to_tensor(clean, tf.float32)
    height, width = tf.unstack(tf.shape(clean)[:2])
    grain = normal([height + 2, width + 2, 3], seed)
    grain = grain[:-2] + 2 * grain[1:-1] + grain[2:]
    grain = (grain[:, :-2] + 2 * grain[:, 1:-1] + grain[:, 2:]) / 6  # of variance 1 again
    deviation = tf.sqrt(0.2 + 1.6 * clean) * CAMERA_GAINS * (tf.cast(sigma, tf.float32) / 255.0)
    return tf.clip_by_value(clean + deviation * grain, 0.0, 1.0)


def degrade(clean, seed):
    """Gaussian, speckle and salt-and-pepper noise in random order, as for MAXL pre-training.

    Gaussian and speckle noise of sigma U(5, 50) each, clipped to [0, 1] after each of them;
    salt-and-pepper on a share U(0, 0.01) of the pixels with a probability of salt U(0.3, 0.8).

    Args:
        clean: float32 tensor of shape `(height, width, channels)`, in [0, 1].
        seed: Seed of shape `(2,)`.

    Returns:
        float32 tensor of the shape of `clean`, in [0, 1].

    Reference:
        "Test-time Adaptation for Real Image Denoising via Meta-transfer Learning",
        arXiv 2207.02066, supplement A.
    """

    def gaussian(image):
        sigma = uniform(5.0, 50.0, seeds.fold(seed, 0))
        return tf.clip_by_value(add_gaussian(image, sigma, seeds.fold(seed, 1)), 0.0, 1.0)

    def speckle(image):
        sigma = uniform(5.0, 50.0, seeds.fold(seed, 2))
        return tf.clip_by_value(add_speckle(image, sigma, seeds.fold(seed, 3)), 0.0, 1.0)

    def salt_and_pepper(image):
        amount = uniform(0.0, 0.01, seeds.fold(seed, 4))
        salt = uniform(0.3, 0.8, seeds.fold(seed, 5))
        return add_salt_and_pepper(image, amount, salt, seeds.fold(seed, 6))

    kinds = (gaussian, speckle, salt_and_pepper)
    order = tf.argsort(uniform(0.0, 1.0, seeds.fold(seed, 7), (3,)))
    image = tf.convert_to_tensor(clean, tf.float32)
    shape = image.shape
    for position in range(3):
        image = tf.switch_case(order[position], [lambda k=k, i=image: k(i) for k in kinds])
        image.set_shape(shape)
    return image
