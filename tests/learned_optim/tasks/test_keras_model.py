import keras
import numpy as np
import pytest
import tensorflow as tf

from learned_optim import OrthogonalMomentum
from learned_optim.tasks.keras_model import KerasTask
from learned_optim.tasks.random_scaling import RandomScaling
from learned_optim.trajectory import Trajectory

SEED = tf.constant([2, 1], tf.int64)
X = np.random.default_rng(0).normal(size=(30, 5)).astype(np.float32)
Y = np.random.default_rng(1).normal(size=(30, 2)).astype(np.float32)


def _make_model():
    layers = [
        keras.layers.Dense(4),
        keras.layers.BatchNormalization(),
        keras.layers.Activation("relu"),
        keras.layers.Dense(2),
    ]
    return keras.Sequential([keras.Input((5,)), *layers])


def _sample(seed):
    rows = tf.random.stateless_uniform((8,), seed, maxval=30, dtype=tf.int64)
    return tf.gather(X, rows), tf.gather(Y, rows)


def _assert_equal(mine, theirs):
    for each, other in zip(mine, theirs, strict=True):
        np.testing.assert_array_equal(each, other)


@pytest.mark.parametrize("loss", ["mae", "mse", keras.losses.Huber(0.3)])
def test_the_loss_is_that_of_the_model_in_training(loss):
    task = KerasTask(_make_model, loss, _sample, initial_seeds=[4])
    keras.utils.set_random_seed(4)
    model = _make_model()
    generator = np.random.default_rng(0)
    weights = [generator.normal(size=w.shape).astype(np.float32) for w in model.trainable_weights]
    for variable, value in zip(model.trainable_weights, weights, strict=True):
        variable.assign(value)
    x, y, seed = task.batch(SEED, 0)
    function = loss if callable(loss) else keras.losses.get(loss)
    expected = np.mean(function(y, model(x, training=True)))
    parameters = [tf.constant(value) for value in weights]
    np.testing.assert_allclose(task.loss(parameters, (x, y, seed)), expected, rtol=1e-5)
    # Batch statistics: without them the loss is another, and no call has moved the averages.
    np.testing.assert_allclose(task.loss(parameters, (x, y, seed)), expected, rtol=1e-5)
    assert abs(np.mean(function(y, model(x, training=False))) - expected) > 1e-3


def test_dropout_has_another_mask_at_every_step():
    def make_model():
        layers = [keras.layers.Dropout(0.5, seed=1), keras.layers.Dropout(0.5, seed=1)]
        scale = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")
        return keras.Sequential([keras.Input((20,)), *layers, scale])

    ones = tf.ones((1, 20)), tf.zeros((1, 1))
    task = KerasTask(make_model, lambda y, outputs: outputs, lambda seed: ones, initial_seeds=[0])
    loss = tf.function(
        lambda step: task.loss([tf.reshape(2.0 ** tf.range(20.0), (20, 1))], task.batch(SEED, step))
    )
    # The sum of the powers of two that are let through, times 4, tells the mask.
    kept = [int(loss(tf.constant(step))) // 4 for step in range(8)]
    assert len(set(kept)) == 8
    assert kept[3] == int(loss(tf.constant(3))) // 4
    # Two layers of one seed have a mask each: a quarter is let through, not a half.
    assert 0.15 < np.mean([each.bit_count() for each in kept]) / 20 < 0.36


def test_the_losses_of_layers_are_added():
    def make_model():
        dense = keras.layers.Dense(2, kernel_regularizer=keras.regularizers.L2(0.1))
        return keras.Sequential(
            [keras.Input((5,)), keras.layers.ActivityRegularization(l1=0.01), dense]
        )

    task = KerasTask(make_model, "mse", _sample, initial_seeds=[0])
    (kernel, bias), batch = task.initial(SEED), task.batch(SEED, 0)
    x, y, _ = batch
    expected = np.mean((x @ kernel + bias - y) ** 2) + 0.1 * np.sum(kernel**2)
    expected += 0.01 * np.sum(np.abs(x)) / len(x)
    np.testing.assert_allclose(task.loss([kernel, bias], batch), expected, rtol=1e-5)


@pytest.mark.parametrize("loss", ["hinge", "binary_crossentropy", "mae", keras.losses.Poisson()])
def test_a_loss_is_what_compile_makes_of_it(loss):
    def make_model():
        return keras.Sequential([keras.Input((5,)), keras.layers.Dense(1, "sigmoid")])

    def sample(seed):  # targets without the last axis
        x = tf.random.stateless_uniform((7, 5), seed)
        return x, tf.cast(x[:, 0] > 0.5, tf.int32)

    task = KerasTask(make_model, loss, sample, initial_seeds=[0])
    x, y, _ = batch = task.batch(SEED, 0)
    keras.utils.set_random_seed(0)
    model = make_model()
    model.compile(loss=loss)
    expected = model.evaluate(x, y, verbose=0)
    np.testing.assert_allclose(task.loss(task.initial(SEED), batch), expected, rtol=1e-5)


def test_what_an_embedding_is_follows_from_its_name():
    def make_model():
        words = keras.Input((3,))
        places = keras.layers.Embedding(3, 4)(keras.ops.arange(3))
        hidden = keras.layers.Dense(4)(keras.layers.Embedding(6, 4)(words) + places)
        return keras.Model(words, keras.layers.Dense(2)(hidden))

    task = KerasTask(make_model, "mse", _sample, initial_seeds=[0])
    assert task.coordinates().hidden.count(True) == 1
    scaled = RandomScaling(task, 1.0)
    assert scaled.coordinates().hidden == task.coordinates().hidden
    optimizer = Trajectory(task, lambda: OrthogonalMomentum(0.1))._optimizer
    assert optimizer._hidden == task.coordinates().hidden


def test_gradients_flow_to_all_parameters():
    task = KerasTask(_make_model, "mse", _sample, initial_seeds=[0])
    parameters = task.initial(SEED)
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        loss = task.loss(parameters, task.batch(SEED, 0))
    gradients = tape.gradient(loss, parameters)
    assert [tuple(g.shape) for g in gradients] == [tuple(shape) for shape in task.shapes]
    # Batch normalization takes away the first bias.
    assert all(np.any(g) for index, g in enumerate(gradients) if index != 1)


def test_an_instance_starts_at_one_of_the_models():
    task = KerasTask(_make_model, "mse", _sample, name="mine", initial_seeds=[3, 8])
    assert task.name == "mine"
    starts = []
    for number in (3, 8):
        keras.utils.set_random_seed(number)
        starts.append([weight.numpy() for weight in _make_model().trainable_weights])
    drawn = set()
    for number in range(12):
        parameters = task.initial(tf.constant([number, 0], tf.int64))
        (start,) = [i for i in (0, 1) if np.array_equal(starts[i][0], parameters[0])]
        _assert_equal(parameters, starts[start])
        drawn.add(start)
    assert drawn == {0, 1}
    _assert_equal(task.initial(SEED), task.initial(SEED))


def test_every_step_has_its_batch():
    task = KerasTask(_make_model, "mse", _sample, initial_seeds=[0])
    _assert_equal(task.batch(SEED, 4), task.batch(SEED, tf.constant(4, tf.int64)))
    assert np.any(task.batch(SEED, 4)[0] != task.batch(SEED, 5)[0])
    assert np.any(task.batch(SEED, 4)[0] != task.batch(SEED + 1, 4)[0])


def test_refuses_models_that_are_no_task():
    with pytest.raises(ValueError, match="task odd: the model has no trainable weights; is it"):
        KerasTask(lambda: keras.Sequential([keras.layers.Dense(2)]), "mse", _sample, "odd")
    widths = iter((2, 3, 4))
    with pytest.raises(ValueError, match="task odd: make_model must always make the same model"):
        KerasTask(
            lambda: keras.Sequential([keras.Input((5,)), keras.layers.Dense(next(widths))]),
            "mse",
            _sample,
            "odd",
            initial_seeds=range(3),
        )
