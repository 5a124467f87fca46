"""Many tensors as one vector of coordinates, for a rule that treats all of them alike."""

import math

import tensorflow as tf


class Coordinates:
    """The coordinates of several tensors, one tensor after the other in one vector.

    The learned rules are one small network applied to single weights of a model, so these go
    through it as one batch. What is more than a coordinate's own business, the
    orthogonalised momentum of a kernel, needs to know which of them form a matrix.

    Args:
        shapes: List of the tensors' shapes.
        hidden: List of booleans: which of them are hidden kernels, see `hidden_kernels`.

    Attributes:
        size: Number of coordinates.
        shapes: The tensors' shapes.
        sizes: Numbers of their coordinates.
        hidden: Which of them are hidden kernels.

    Example:

    >>> coordinates = Coordinates([(3, 3, 8, 8), (8,)], hidden=[True, False])
    >>> coordinates.size
    584
    """

    def __init__(self, shapes, hidden):
        self.shapes = [tuple(shape) for shape in shapes]
        self.hidden = list(hidden)
        self.sizes = [math.prod(shape) for shape in self.shapes]
        self.size = sum(self.sizes)

    def join(self, tensors):
        """Makes one float32 vector of tensors of these shapes."""
        flat = [tf.reshape(tf.cast(tensor, tf.float32), [-1]) for tensor in tensors]
        return flat[0] if len(flat) == 1 else tf.concat(flat, axis=0)

    def split(self, vector):
        """Makes a list of tensors of these shapes of one vector."""
        parts = tf.split(vector, self.sizes)
        return [tf.reshape(part, shape) for part, shape in zip(parts, self.shapes, strict=True)]

    def choose(self, hidden, other):
        """Vector that is one scalar at hidden kernels' coordinates, another elsewhere."""
        hidden, other = tf.cast(hidden, tf.float32), tf.cast(other, tf.float32)
        return self.spread([hidden if is_hidden else other for is_hidden in self.hidden])

    def are_vectors(self):
        """Vector that is 1 at the coordinates of tensors of fewer than two dimensions, else 0."""
        return self.spread([float(len(shape) < 2) for shape in self.shapes])

    def spread(self, values):
        """Vector that at each tensor's coordinates is its one of these scalars."""
        # `tf.repeat` would make a matrix of all tensors times the largest of them.
        pairs = zip(self.sizes, values, strict=True)
        return tf.concat([tf.fill([size], value) for size, value in pairs], axis=0)

    def select(self, values, chosen):
        """The coordinates of some of the tensors.

        Args:
            values: Tensor of shape `(size, ...)`.
            chosen: List of booleans, one for each tensor.

        Returns:
            Tensor of their coordinates, one tensor after the other.
        """
        pairs = zip(tf.split(values, self.sizes), chosen, strict=True)
        parts = [part for part, is_chosen in pairs if is_chosen]
        return tf.concat(parts, axis=0) if parts else values[:0]

    def match_norms(self, vector, like):
        """Scales each tensor in a vector to the norm that it has in another one.

        Args:
            vector, like: Tensors of shape `(size,)`.

        Returns:
            Tensor of shape `(size,)`; next to zero where `like` is zero.
        """
        parts = []
        for part, model in zip(
            tf.split(vector, self.sizes), tf.split(like, self.sizes), strict=True
        ):
            # The small number keeps the derivatives finite where a tensor has no gradient.
            mine, wanted = (
                tf.sqrt(tf.reduce_sum(tf.square(tensor)) + 1e-24) for tensor in (part, model)
            )
            parts.append(part * (wanted / mine))
        return tf.concat(parts, axis=0)

    def map_matrices(self, function, vector, default):
        """Applies a function to the hidden kernels as matrices.

        Args:
            function: Takes and returns a tensor of shape `(count, rows, columns)`; kernels of
                the same shape go through it together.
            vector: Tensor of shape `(size,)`.
            default: Tensor of shape `(size,)`, the result at all other coordinates.

        Returns:
            Tensor of shape `(size,)`.
        """
        if not any(self.hidden):
            return default
        parts, results = tf.split(vector, self.sizes), tf.split(default, self.sizes)
        groups: dict[tuple, list[int]] = {}
        for index, (shape, is_hidden) in enumerate(zip(self.shapes, self.hidden, strict=True)):
            if is_hidden:
                groups.setdefault((math.prod(shape[:-1]), shape[-1]), []).append(index)
        for matrix_shape, members in groups.items():
            matrices = tf.stack([tf.reshape(parts[index], matrix_shape) for index in members])
            for index, result in zip(members, tf.unstack(function(matrices)), strict=True):
                results[index] = tf.reshape(result, [-1])
        return tf.concat(results, axis=0)


def hidden_kernels(shapes, names=None):
    """Tells which of a model's tensors, in the model's order, are kernels of hidden layers.

    Those of two or more dimensions are kernels; the first and the last of them, which face the
    data, are not hidden, nor are embeddings, of which a batch sees a few rows alone. Kernels with a
    side of one are vectors and do not count either.

    Shapes do not tell everything. Biases of two dimensions (of `GRU`, `MultiHeadAttention`) are
    counted as kernels. The kernels of `MultiHeadAttention` (inputs, heads, key size) and of
    transposed convolutions are taken for matrices of all but the last axis x the last one, as those
    of convolutions are. Of several outputs' kernels all but the last count as hidden, and where the
    first layers are frozen the first one that is trained does not.

    Args:
        shapes: List of all the trainable tensors' shapes.
        names: Their names, in which those of embeddings contain "embedding", as Keras calls them;
            `None` where there are none.

    Returns:
        List of booleans of the same length.

    Example:

    >>> hidden_kernels([(784, 20), (20,), (20, 20), (20,), (20, 10), (10,)])
    [False, False, True, False, False, False]
    """
    kernels = [index for index, shape in enumerate(shapes) if len(shape) >= 2]
    hidden = set(kernels[1:-1])
    return [
        index in hidden and min(math.prod(shape[:-1]), shape[-1]) > 1 and "embedding" not in name
        for index, (shape, name) in enumerate(zip(shapes, names or [""] * len(shapes), strict=True))
    ]
