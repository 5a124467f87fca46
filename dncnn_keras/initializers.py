"""The initial weights that let a deep plain network learn from its first steps."""

import keras


@keras.saving.register_keras_serializable("dncnn_keras")
class IdentityOrthogonal(keras.initializers.Initializer):
    """Kernel that passes every channel on to itself, plus an orthogonal matrix.

    In a stack of layers with random kernels each mixes all channels anew, and the gradients
    that reach the first of 17 have little to do with what they could do. With the identity in
    them the layers start as small changes of what comes in, as in a residual network.

    Args:
        gain: Factor of the orthogonal matrix.
        seed: Integer seed; by default Keras's global one decides.

    References:
        S. Zagoruyko, N. Komodakis, "DiracNets: Training Very Deep Neural Networks Without
        Skip-Connections", 2017.

    Example:

    >>> layer = keras.layers.Conv2D(8, 3, kernel_initializer=IdentityOrthogonal(0.5))
    """

    def __init__(self, gain=0.5, seed=None):
        self.gain = gain
        self.seed = seed

    def __call__(self, shape, dtype=None):
        """Makes the kernel.

        Args:
            shape: `(height, width, channels, channels)`, both sides odd.
            dtype: Dtype of the kernel.

        Raises:
            ValueError: If the kernel does not have as many outputs as inputs.
        """
        *sides, inputs, outputs = shape
        if inputs != outputs or not all(side % 2 for side in sides):
            raise ValueError(
                "IdentityOrthogonal: the kernel must have odd sides and as many outputs as inputs, "
                f"got shape {tuple(shape)}"
            )
        orthogonal = keras.initializers.Orthogonal(self.gain, self.seed)(shape, dtype)
        identity = keras.ops.eye(inputs, dtype=orthogonal.dtype)
        identity = keras.ops.reshape(identity, (1,) * len(sides) + (inputs, outputs))
        borders = [(side // 2, side // 2) for side in sides]
        return orthogonal + keras.ops.pad(identity, [*borders, (0, 0), (0, 0)])

    def get_config(self):
        """Returns the constructor's arguments."""
        return {"gain": self.gain, "seed": self.seed}
