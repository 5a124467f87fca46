"""Images of any size for networks that halve it several times."""

import tensorflow as tf
from keras import layers


class PadToMultiple(layers.Layer):
    """Continues images at the bottom and the right by reflection.

    Args:
        multiple: Height and width become multiples of this number.

    Call arguments:
        image: Tensor of shape `(batch, height, width, channels)` of any size, one pixel even.

    Returns:
        The image with up to `multiple - 1` more rows and columns.
    """

    def __init__(self, multiple, **arguments):
        super().__init__(**arguments)
        self.multiple = multiple

    def call(self, image):
        """Pads the image."""
        for axis in (1, 2):
            # Training patches have a known size that fits: nothing is copied for them.
            if image.shape[axis] is None or image.shape[axis] % self.multiple:
                image = tf.gather(image, self._reflected(tf.shape(image)[axis]), axis=axis)
        return image

    def _reflected(self, size):
        """Indices of the pixels along an axis: 0 1 2 3 4 3 2 1 for five pixels."""
        last = size - 1
        places = tf.range(-(-size // self.multiple) * self.multiple)
        # To and fro as often as it takes: an image may be smaller than what is added to it.
        return last - tf.abs(places % tf.maximum(2 * last, 1) - last)


class Crop(layers.Layer):
    """Cuts what `PadToMultiple` added off again.

    Call arguments:
        features: Tensor of shape `(batch, padded_height, padded_width, filters)`.
        image: The image before it was padded, for its height and width.

    Returns:
        Tensor of shape `(batch, height, width, filters)`.
    """

    def call(self, features, image):
        """Crops the features."""
        if features.shape[1:3].is_fully_defined() and features.shape[1:3] == image.shape[1:3]:
            return features
        size = tf.shape(image)
        return features[:, : size[1], : size[2]]
