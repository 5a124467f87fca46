"""Batch normalization on TensorFlow's fused kernel, a drop-in for Keras's layer."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("dncnn_keras")
class BatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization`, computed by one fused kernel where there is one.

    Keras's layer computes moments and normalization as a chain of float32 operations, each a
    pass over memory. TensorFlow's `FusedBatchNormV3` does it in one, and takes bfloat16
    activations while statistics, scale and offset stay float32. Arguments, weights, their names
    and the saved format are Keras's, so either layer loads the other's weights, and the results
    agree to rounding.

    Inputs that the kernel cannot take (other than four dimensions with the channels last, dtypes
    other than float32, bfloat16 and float16, weights other than float32, masks, `renorm`,
    `synchronized`, no scale or centre) are computed by Keras's layer. The class has the name of
    Keras's because the saved format contains it.

    Example:

    >>> layer = BatchNormalization()
    >>> layer(np.ones((2, 8, 8, 3), "float32"), training=True).shape
    TensorShape([2, 8, 8, 3])
    """

    def call(self, inputs, training=None, mask=None):
        """Normalizes with the batch's statistics in training, else with the moving ones."""
        if not self._fusable(inputs, mask):
            return super().call(inputs, training=training, mask=mask)
        if not (training and self.trainable):
            return self._fused(inputs, self.moving_mean, self.moving_variance)[0]
        empty = tf.zeros([0], self.moving_mean.dtype)
        outputs, mean, variance = self._fused(inputs, empty, empty, training=True)
        # The kernel reports the unbiased variance, Keras averages the biased one.
        count = tf.cast(tf.size(inputs) / tf.shape(inputs)[-1], variance.dtype)
        variance *= (count - 1) / count
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + batch * (1 - self.momentum))
        return outputs

    def _fusable(self, inputs, mask):
        return (
            len(inputs.shape) == 4
            and self.axis in (-1, 3)
            and keras.backend.standardize_dtype(inputs.dtype) in ("float32", "bfloat16", "float16")
            and self.variable_dtype == "float32"
            and mask is None
            and not (getattr(self, "renorm", False) or self.synchronized)  # older Keras has none
            and self.scale
            and self.center
        )

    def _fused(self, inputs, mean, variance, training=False):
        return tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.convert_to_tensor(self.gamma),
            offset=tf.convert_to_tensor(self.beta),
            mean=tf.convert_to_tensor(mean),
            variance=tf.convert_to_tensor(variance),
            epsilon=self.epsilon,
            is_training=training,
            data_format="NHWC",
        )[:3]
