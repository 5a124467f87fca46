"""The workers and devices among which live tasks are dealt, and sums over the workers."""

import tensorflow as tf


class Workers:
    """What meta-training needs of a `tf.distribute.Strategy`.

    A worker is a process with devices of its own. All of them run the same program; what they do
    not do alike, each does with its own tasks.

    Args:
        strategy: A `tf.distribute.Strategy`; `None`, or TensorFlow's default one, for one device of
            its choice.

    Attributes:
        count: Number of workers.

    Example:

    >>> workers = Workers(tf.distribute.MirroredStrategy(["GPU:0", "GPU:1"]))
    >>> [workers.device(task)[-5:] for task in range(3)]
    ['GPU:0', 'GPU:1', 'GPU:0']
    """

    def __init__(self, strategy=None):
        if strategy is tf.distribute.get_strategy() and not tf.distribute.has_strategy():
            strategy = None
        self._strategy = strategy
        self._devices = strategy.extended.worker_devices if strategy else ("",)
        several = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
        self._index = strategy.cluster_resolver.task_id if several else 0
        self.count = strategy.num_replicas_in_sync // len(self._devices) if several else 1

    def device(self, number):
        """Deals the `number`-th task, like a card.

        Returns:
            Name of this worker's device that gets it, or `None` where another worker does.
        """
        turn, worker = divmod(number, self.count)
        return self._devices[turn % len(self._devices)] if worker == self._index else None

    def sum(self, values):
        """Adds up what the workers have; each of them must call it at the same point.

        Args:
            values: List of tensors.

        Returns:
            List of their sums, the same for every worker.
        """
        if self.count == 1:
            return values

        def add_up():
            context = tf.distribute.get_replica_context()
            # A worker's devices would all give the same.
            first = tf.equal(context.replica_id_in_sync_group % len(self._devices), 0)
            given = [tf.where(first, value, tf.zeros_like(value)) for value in values]
            return context.all_reduce(tf.distribute.ReduceOp.SUM, given)

        sums = self._strategy.run(add_up)
        return [self._strategy.experimental_local_results(each)[0] for each in sums]
