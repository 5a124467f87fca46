"""Meta-training on several devices, against the same on one."""

from tests.own_process import run_in_own_process

# Processors can be split into logical devices only before TensorFlow has started.
PROGRAM = """
import keras
import numpy as np
import tensorflow as tf

from learned_optim import MetaTrainer
from learned_optim.rules import make_rule
from learned_optim.tasks.quadratic import Quadratics

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)


def train(strategy):
    keras.utils.set_random_seed(0)
    rule = make_rule("rnnprop", units=2)
    rule.learning_rate = 0.1
    tasks = [Quadratics(2, dimensions) for dimensions in (2, 3, 4)]
    trainer = MetaTrainer(
        rule,
        tasks,
        seed=3,
        meta_updates=4,
        window=2,
        horizons=(4,),
        strategy=strategy,
    )
    start = trainer.rule.get_weights()
    trainer.compile(optimizer=keras.optimizers.SGD(1.0))
    trainer.optimizer.build(trainer.trainable_variables)
    step = tf.function(trainer.train_step).get_concrete_function(None)
    for _ in range(4):
        step()
    assert not np.array_equal(start[0], trainer.rule.get_weights()[0])
    return trainer, {op.device[-5:] for op in step.graph.get_operations() if op.type == "Tanh"}


one, _ = train(None)
two, used = train(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))
assert used == {"CPU:0", "CPU:1"}, used
for live, device in zip(two.live_tasks, ("CPU:0", "CPU:1", "CPU:0"), strict=True):
    own = [variable for variable in live.variables if variable.path.startswith(live.name)]
    assert own and all(variable.value.device.endswith(device) for variable in own)
for mine, theirs in zip(two.variables, one.variables, strict=True):
    np.testing.assert_allclose(mine, theirs, rtol=1e-6)
"""


def test_tasks_are_dealt_to_devices_and_the_weights_are_those_of_one():
    run_in_own_process(PROGRAM)
