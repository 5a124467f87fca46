"""Training on several devices: what is the same on one."""

from tests.own_process import run_in_own_process

# Processors can be split into logical devices only before TensorFlow has started.
PROGRAM = """
import keras
import numpy as np
import tensorflow as tf

from learned_optim import LearnedOptimizer, OrthogonalMomentum
from learned_optim.rules import make_rule

device = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(device, [tf.config.LogicalDeviceConfiguration()] * 2)
generator = np.random.default_rng(0)
x = generator.normal(size=(12, 4)).astype(np.float32)
y = x[:, :2] * x[:, 2:]
broken = x.copy()
broken[-1] = np.nan


def learned(name="orthogonal"):
    rule = make_rule(name, units=4)
    generator = np.random.default_rng(0)
    rule.set_weights([generator.normal(0, 0.5, w.shape) for w in rule.get_weights()])
    return rule


def train(strategy, make_optimizer):
    with strategy.scope():
        keras.utils.set_random_seed(0)
        layers = [keras.layers.Dense(5, "tanh"), keras.layers.Dense(5, "tanh")]
        model = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(2)])
        optimizer = make_optimizer()
        model.compile(optimizer, "mse", jit_compile=False)
    # The last row's gradient is NaN, on the second device alone.
    inputs = (x, broken, x) if hasattr(optimizer, "non_finite") else (x, x)
    rows = np.concatenate(inputs), np.concatenate([y] * len(inputs))
    model.fit(tf.data.Dataset.from_tensor_slices(rows).batch(12), shuffle=False, verbose=0)
    return model


outside = learned()
for make_optimizer in (
    lambda: LearnedOptimizer(0.01, learned(), weight_decay=0.01),
    lambda: LearnedOptimizer(0.01, outside),
    lambda: LearnedOptimizer(0.01, learned("orthogonal-lengths")),
    lambda: OrthogonalMomentum(0.01),
):
    one = train(tf.distribute.get_strategy(), make_optimizer)
    two = train(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]), make_optimizer)
    for mine, theirs in zip(two.trainable_variables, one.trainable_variables, strict=True):
        copies = mine.value.values
        assert len(copies) == 2
        np.testing.assert_array_equal(copies[0], copies[1])
        np.testing.assert_allclose(copies[0], theirs, atol=1e-4)
    for mine, theirs in zip(two.optimizer.variables, one.optimizer.variables, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=2e-3)
    if isinstance(one.optimizer, LearnedOptimizer):
        assert one.optimizer.skipped.numpy() == two.optimizer.skipped.numpy() == 1
"""


def test_two_devices_train_the_same_weights_as_one():
    run_in_own_process(PROGRAM)
