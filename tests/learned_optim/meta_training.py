"""Small meta-trainings, and a task that can be broken, for the tests of several files."""

import keras
import tensorflow as tf

from learned_optim import MetaTrainer, unroll
from learned_optim.tasks.quadratic import Quadratics
from learned_optim.tasks.task import Task

TASK = Quadratics(functions=2, dimensions=2)


class Fragile(Task):
    """A task whose loss is NaN once it is broken."""

    name, shapes = "fragile", TASK.shapes

    def __init__(self):
        self.factor = tf.Variable(1.0, trainable=False)
        self.initial, self.batch = TASK.initial, TASK.batch

    def loss(self, parameters, batch):
        return self.factor * TASK.loss(parameters, batch)


def make_trainer(rule, tasks, optimizer=None, **arguments):
    arguments = {"seed": 3, "meta_updates": 6, "window": 2, "horizons": (4,), **arguments}
    trainer = MetaTrainer(rule, tasks, **arguments)
    trainer.compile(optimizer=optimizer or keras.optimizers.SGD(1.0))
    trainer.optimizer.build(trainer.trainable_variables)
    return trainer


def first_window(trainer, live, **arguments):
    """The first window of a live task, computed by hand."""
    progress = unroll.start(live.task, trainer.rule, live.seed)
    rate = tf.constant(trainer._rate)
    return unroll.window(
        live.task, trainer.rule, progress, live.seed, 2, lambda step: rate, **arguments
    )
