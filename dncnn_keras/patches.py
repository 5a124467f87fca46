"""Training patches, cut, augmented and made noisy on the fly by `tf.data`."""

import cv2
import numpy as np
import tensorflow as tf

from dncnn_keras import noise, seeds
from dncnn_keras.scratch_folder import ScratchFolder

SCALES = (1.0, 0.9, 0.8, 0.7)

# A patch costs the reading of a file, so no file is larger than this, unless rows are so long that
# four patches' height of them takes more (3 MB for DIV2K in patches of 128).
_FILE_BYTES = 2**20

# The fractional parts of its multiples fill an interval more evenly than random numbers do.
_GOLDEN_RATIO = 0.6180339887498949


class PatchSampler:
    """Cuts the i-th of an endless, fixed sequence of clean patches out of a set of images.

    Patch i is drawn uniformly from every position of every image at every scale, then turned
    into one of its 8 symmetries. It depends on the seed and on i alone, so a sequence can be
    entered anywhere (exact resume) and split among devices. Images of different sizes mix. They
    lie in files in the cache folder, as long as the sampler is needed, and each patch is read from
    its file, so that there may be more images than memory.

    Args:
        images: Iterable of uint8 arrays of shape `(height, width, channels)`, gone through once.
        patch_size: Side of a patch in pixels.
        seed: Integer, the run's seed.
        scales: Factors by which each image is resized; 1 is the image itself. (By OpenCV's bicubic
            interpolation, which unlike MATLAB's in the authors' code does not smooth the image
            before it shrinks it.)

    Raises:
        ValueError: If there is no image, if the images differ in channels, or if none is large
            enough for a patch.
        OSError: If the cache folder has no room for the file.

    Example:

    >>> sampler = PatchSampler([np.zeros((64, 48, 1), "uint8")], patch_size=40, seed=0)
    >>> sampler(7).shape
    TensorShape([40, 40, 1])
    """

    def __init__(self, images, patch_size, seed, scales=SCALES):
        self._folder = ScratchFolder()
        shapes: list[tuple[int, ...]] = []
        channels = set()
        for image in images:
            channels.add(image.shape[-1])
            for scale in scales:
                for strip in _strips(_resize(image, scale), patch_size):
                    self._folder.write(str(len(shapes)), np.ascontiguousarray(strip))
                    shapes.append(strip.shape[:2])
        if not channels:
            raise ValueError("patches: there is no image to cut patches from")
        if len(channels) > 1:
            raise ValueError(f"patches: the images differ in channels: {sorted(channels)}")
        if not shapes:
            raise ValueError(f"patches: no image has {patch_size}x{patch_size} pixels")
        self.patch_size = patch_size
        self.channels = channels.pop()
        self.seed = seed
        sizes = np.array(shapes, np.int64)
        ends = (sizes - patch_size + 1).prod(axis=1).cumsum()
        # Constants on the CPU: the pipeline runs there, whatever device trains.
        with tf.device("CPU:0"):
            self._widths = tf.constant(sizes[:, 1])
            self._ends = tf.constant(ends)
        self._count = int(ends[-1])

    def __call__(self, index):
        """Cuts the `index`-th patch.

        Args:
            index: Scalar integer, the patch's place in the sequence.

        Returns:
            float32 tensor of shape `(patch_size, patch_size, channels)` in [0, 1].
        """
        seed = seeds.derive(self.seed, "patch", index)
        place = tf.random.stateless_uniform(
            (), seeds.fold(seed, 0), maxval=self._count, dtype=tf.int64, alg="philox"
        )
        strip = tf.searchsorted(self._ends, [place], side="right")[0]
        place -= tf.where(strip > 0, self._ends[strip - 1], 0)
        width = self._widths[strip]
        row, column = place // (width - self.patch_size + 1), place % (width - self.patch_size + 1)

        # A symmetry of the square is a transposition and two flips, which are two swapped
        # strides and two negated ones when the patch is read from the buffer.
        bits = tf.random.stateless_uniform(
            (3,), seeds.fold(seed, 1), maxval=2, dtype=tf.int64, alg="philox"
        )
        strides = tf.stack([width * self.channels, tf.constant(self.channels, tf.int64)])
        origin = row * strides[0] + column * strides[1]
        # Not strides[::-1], at which TensorFlow gives up optimizing the layout of the whole graph.
        strides = tf.where(bits[0] == 1, tf.reverse(strides, [0]), strides)
        last = self.patch_size - 1
        origin += tf.reduce_sum(bits[1:] * strides) * last
        strides *= 1 - 2 * bits[1:]
        steps = tf.range(self.patch_size, dtype=tf.int64)
        pixels = (
            origin
            + (steps * strides[0])[:, None, None]
            + (steps * strides[1])[None, :, None]
            + tf.range(self.channels, dtype=tf.int64)
        )
        file = tf.strings.join([f"{self._folder.path}/", tf.strings.as_string(strip)])
        content = tf.io.decode_raw(tf.io.read_file(file), tf.uint8)
        return tf.cast(tf.gather(content, pixels), tf.float32) / 255.0


def noisy_patches(sampler, sigma, batch_size, start=0):
    """Endless `tf.data` pipeline of batches of (noisy, clean) patches for `model.fit`.

    Args:
        sampler: A `PatchSampler`.
        sigma: Noise level in grey levels of 255: a number, or a range `(low, high)` from which
            every patch gets its own. Within a range the levels follow a golden-ratio sequence:
            uniform, and spread evenly over the range in any run of neighbouring patches, so
            that batches are alike in difficulty.
        batch_size: Patches in a batch.
        start: Number of batches to skip, for a run that is resumed.

    Returns:
        A `tf.data.Dataset` of pairs of float32 tensors of shape
        `(batch_size, patch_size, patch_size, channels)`; the noisy ones are not clipped.

    Raises:
        ValueError: If a noise level is negative or the range is empty.
    """
    _check_sigma(sigma)
    return endless_batches(lambda index: noisy_patch(sampler, sigma, index), batch_size, start)


def endless_batches(make_pair, batch_size, start=0):
    """Endless `tf.data` pipeline of batches, made in parallel and always in the same order.

    Args:
        make_pair: Function of a scalar int64 index to a tuple of tensors.
        batch_size: Pairs in a batch.
        start: Number of batches to skip.

    Returns:
        A `tf.data.Dataset`.
    """
    return (
        tf.data.Dataset.range(start * batch_size, np.iinfo(np.int64).max)
        .map(make_pair, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .batch(batch_size, drop_remainder=True)
        .prefetch(tf.data.AUTOTUNE)
    )


def random_batch(make_pair, batch_size, seed):
    """Draws a batch from anywhere in an endless sequence of pairs.

    Args:
        make_pair: Function of a scalar int64 index to a noisy and a clean patch, float32 tensors.
        batch_size: Pairs in the batch: neighbours in the sequence.
        seed: int64 tensor of shape `(2,)`, which decides the place.

    Returns:
        The noisy and the clean patches.
    """
    first = tf.random.stateless_uniform((), seed, maxval=2**40, dtype=tf.int64, alg="philox")
    indices = first + tf.range(batch_size, dtype=tf.int64)
    return tf.map_fn(make_pair, indices, fn_output_signature=(tf.float32, tf.float32))


def noisy_patch(sampler, sigma, index):
    """Makes the `index`-th pair of the sequence that `noisy_patches` runs through.

    Args:
        sampler: A `PatchSampler`.
        sigma: Noise level or range of levels, as for `noisy_patches`.
        index: Scalar int64 tensor.

    Returns:
        The noisy and the clean patch.
    """
    low, high = sigma if isinstance(sigma, list | tuple) else (sigma, sigma)
    first = noise.uniform(0.0, 1.0, seeds.derive(sampler.seed, "sigma"))
    clean = sampler(index)
    fraction = tf.cast(tf.cast(index, tf.float64) * _GOLDEN_RATIO % 1.0, tf.float32)
    level = low + (high - low) * ((first + fraction) % 1.0)
    noisy = noise.add_gaussian(clean, level, seeds.derive(sampler.seed, "noise", index))
    return noisy, clean


def _check_sigma(sigma):
    low, high = sigma if isinstance(sigma, list | tuple) else (sigma, sigma)
    if not 0 <= low <= high:
        raise ValueError(
            f"patches: sigma must be a number >= 0 or a range (low, high), got {sigma}"
        )


def _resize(image, scale):
    if scale == 1:
        return image
    size = [max(1, round(side * scale)) for side in image.shape[1::-1]]
    return cv2.resize(image, size, interpolation=cv2.INTER_CUBIC).reshape(
        size[1], size[0], image.shape[-1]
    )


def _strips(image, patch_size):
    """Cuts an image into strips of rows, such that each patch lies in exactly one of them."""
    height, width, channels = image.shape
    if min(height, width) < patch_size:
        return
    # Not less than four patches high: neighbours overlap by almost one.
    rows = max(4 * patch_size, _FILE_BYTES // (width * channels))
    for top in range(0, height - patch_size + 1, rows - patch_size + 1):
        yield image[top : top + rows]
