"""Makes the tasks that an experiment file describes."""

import numpy as np

from dncnn_keras.datasets.digits import load_digits
from dncnn_keras.patches import PatchSampler
from experiments.photographs_task import photographs_task
from experiments.schema_tasks import DnCNNTask
from learned_optim.tasks.denoising import denoising_task
from learned_optim.tasks.mnist import mnist_task
from learned_optim.tasks.mnist_cnn import mnist_cnn_task
from learned_optim.tasks.quadratic import Quadratics
from learned_optim.tasks.random_scaling import RandomScaling


def draw_tasks(descriptions, seed):
    """Draws the tasks of a meta-training.

    Args:
        descriptions: `tasks` of a `schema_tasks.MetaTrain`. Of a `DnCNNTasks` with choices as many
            are drawn as it says, without repetition.
        seed: Integer, the run's seed.

    Returns:
        List of `schema_tasks.Task`s.

    Example:

    >>> [task.depth for task in draw_tasks([DnCNNTasks(task="dncnn", depth=[3, 9], draw=2)], 0)]
    [9, 3]
    """
    tasks = []
    for number, description in enumerate(descriptions):
        if description.task != "dncnn":
            tasks.append(description)
            continue
        choices = description.choices
        lengths = [len(values) for values in choices.values()]
        generator = np.random.default_rng([seed, number])
        combinations = generator.choice(np.prod(lengths), description.draw or 1, replace=False)
        common = description.model_dump(exclude={*choices, "draw"})
        for places in np.stack(np.unravel_index(combinations, lengths), axis=-1):
            chosen = {k: values[i] for (k, values), i in zip(choices.items(), places, strict=True)}
            tasks.append(DnCNNTask(**common, **chosen))
    return tasks


class TaskMaker:
    """Makes tasks of the same images and digits.

    Args:
        images: List of uint8 arrays of the `dncnn` or `photographs` tasks, or `None`.
        digits: Name of a set of digits, see `load_digits`; its training part is taken.
        seed: Integer, the run's seed.
        initial_seeds: Keras seeds of initial weights, see `KerasTask`.

    Example:

    >>> TaskMaker().make(QuadraticsTask(task="quadratics")).shapes
    [(128, 10)]
    """

    def __init__(self, images=None, digits="mnist", seed=0, initial_seeds=range(8)):
        self._images = images
        self._digits = digits
        self._seed = seed
        self._initial_seeds = initial_seeds
        self._samplers = {}
        self._loaded_digits = None

    def make(self, description):
        """Makes the task that a class of `schema_tasks` describes."""
        settings = description.model_dump(exclude={"task", "scaling"})
        match description.task:
            case "quadratics":
                task = Quadratics(**settings)
            case "mnist" | "mnist-cnn":
                make = mnist_task if description.task == "mnist" else mnist_cnn_task
                self._loaded_digits = self._loaded_digits or load_digits(self._digits, "train")
                task = make(*self._loaded_digits, **settings, initial_seeds=self._initial_seeds)
            case "photographs":
                sampler = self._sampler(settings.pop("patch_size"))
                task = photographs_task(sampler, **settings, initial_seeds=self._initial_seeds)
            case "dncnn":
                sampler = self._sampler(settings.pop("patch_size"))
                task = denoising_task(sampler, **settings, initial_seeds=self._initial_seeds)
        scaling = getattr(description, "scaling", 1)
        return RandomScaling(task, scaling) if scaling > 1 else task

    def _sampler(self, patch_size):
        if patch_size not in self._samplers:
            self._samplers[patch_size] = PatchSampler(self._images, patch_size, self._seed)
        return self._samplers[patch_size]
