"""Rules whose networks do something, and a straightforward float64 orthogonalisation."""

import numpy as np
import pytest

from learned_optim.rules import make_rule


@pytest.fixture
def learned():
    """Function `(name, **arguments) -> rule` with weights as if it had been trained."""

    def make(name, **arguments):
        rule = make_rule(name, **arguments)
        generator = np.random.default_rng(0)
        rule.set_weights([generator.normal(0, 0.5, w.shape) for w in rule.get_weights()])
        return rule

    return make


@pytest.fixture
def orthogonalized():
    """Function of a float64 matrix: five rounds of Newton and Schulz's iteration."""

    def iterate(matrix):
        x = matrix / np.linalg.norm(matrix)
        for _ in range(5):
            gram = x @ x.T
            x = 3.4445 * x - 4.7750 * gram @ x + 2.0315 * gram @ gram @ x
        return x

    return iterate
