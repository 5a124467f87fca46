import numpy as np
import tensorflow as tf

from learned_optim.tasks.task import fold


def test_folding_gives_different_seeds_always_the_same():
    seed = tf.constant([3, 1], tf.int64)
    folded = [tuple(fold(seed, number).numpy()) for number in range(10)]
    folded += [tuple(fold(fold(seed, 0), number).numpy()) for number in range(10)]
    folded += [tuple(fold(seed + 1, number).numpy()) for number in range(10)]
    assert len(set(folded)) == 30
    np.testing.assert_array_equal(fold(seed, tf.constant(7, tf.int32)), folded[7])
