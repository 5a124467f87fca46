"""Training any Keras model, as a task."""

import keras
import tensorflow as tf

from learned_optim.tasks.task import Task, fold


class KerasTask(Task):
    """Trains a Keras model on data of the user's.

    The model is called in training mode, and the losses of its layers and regularizers are added.
    Layers like dropout draw anew at every step; other state that is not trained, like the moving
    averages of batch normalization, is what it was when the model was made.

    Args:
        make_model: Function without arguments that makes and returns a built Keras model. It is
            called once for each initial seed, after `keras.utils.set_random_seed`: making the
            task leaves Keras's global seed at the last of them.
        loss: Keras loss: a name, a function or an object.
        sample: Function from a seed (int64 tensor of shape `(2,)`) to a batch `(x, y)`.
        name: Short name for logs.
        initial_seeds: Keras seeds of the initial weights among which an instance draws. Tasks for
            comparisons should have others than those for meta-training.

    Raises:
        ValueError: If the models have no trainable weights, or differ in them.

    Example: a small network on random batches of two arrays.

    >>> def make_model():
    ...     return keras.Sequential([keras.Input((10,)), keras.layers.Dense(1)])
    >>> x, y = tf.constant(x), tf.constant(y)  # once, not in every graph
    >>> def sample(seed):
    ...     rows = tf.random.stateless_uniform((32,), seed, maxval=len(x), dtype=tf.int64)
    ...     return tf.gather(x, rows), tf.gather(y, rows)
    >>> task = KerasTask(make_model, "mse", sample)
    """

    def __init__(self, make_model, loss, sample, name="keras_model", initial_seeds=range(8)):
        self.name = name
        self._sample = sample
        loss = keras.losses.get(loss)
        self._loss = loss if isinstance(loss, keras.Loss) else _FunctionLoss(loss)
        draws = []
        for seed in initial_seeds:
            keras.utils.set_random_seed(seed)
            self._model = make_model()
            draws.append([weight.numpy() for weight in self._model.trainable_weights])
        self.shapes = [weight.shape for weight in draws[0]]
        self.names = [weight.name for weight in self._model.trainable_weights]
        if not self.shapes:
            raise ValueError(f"task {name}: the model has no trainable weights; is it built?")
        if any([weight.shape for weight in draw] != self.shapes for draw in draws):
            raise ValueError(f"task {name}: make_model must always make the same model")
        self._initials = len(draws)
        self._draws = [tf.stack(weights) for weights in zip(*draws, strict=True)]
        state = self._model.non_trainable_variables
        self._state = [tf.constant(each.numpy()) for each in state]
        # Keras marks the states of its seed generators by nothing but their name.
        self._is_seed = [each.name == "seed_generator_state" for each in state]

    def initial(self, seed):
        """Chooses one of the initial weights."""
        number = tf.random.stateless_uniform(
            (), fold(seed, 0), maxval=self._initials, dtype=tf.int32
        )
        return [tf.gather(draws, number) for draws in self._draws]

    def batch(self, seed, step):
        """Draws a batch `(x, y)` of the user's data, and a seed for layers like dropout."""
        x, y = self._sample(fold(fold(seed, 1), step))
        return x, y, fold(fold(seed, 2), step)

    def loss(self, parameters, batch):
        """Mean loss of the batch, and the losses of the model's own."""
        x, y, seed = batch
        state = [
            fold(seed, number) if is_seed else value
            for number, (value, is_seed) in enumerate(zip(self._state, self._is_seed, strict=True))
        ]
        outputs, _, own = self._model.stateless_call(
            parameters, state, x, training=True, return_losses=True
        )
        return tf.reduce_mean(self._loss(y, outputs)) + sum(tf.reduce_sum(loss) for loss in own)


class _FunctionLoss(keras.Loss):
    """What `compile` makes of a loss that is a function or its name: targets may lack an axis."""

    def __init__(self, function):
        super().__init__(name="function_loss")
        self._function = function

    def call(self, y_true, y_pred):
        # Functions would broadcast targets of shape (n,) against outputs of (n, 1).
        single = tf.is_tensor(y_pred) and y_pred.shape[-1:] == (1,)
        if single and len(y_true.shape) == len(y_pred.shape) - 1:
            y_true = tf.expand_dims(y_true, -1)
        return self._function(y_true, y_pred)
