"""The learned optimizer `small_fc_lopt` of two other packages, where they are installed.

It is an MLP of 39 inputs and two layers of 32 units for every parameter; its weights are random
here, since the time does not depend on them. Both packages come from GitHub: Belilovsky-Lab/pylo
(what PyPI has under the name `pylo` is another program) and google/learned_optimization.

Reference:
    L. Metz et al., "Practical tradeoffs between memory, compute, and performance in learned
    optimizers", 2022.
"""

import tempfile

import numpy as np


def pylo(shapes):
    """Returns a function that makes a step of PyLO's on parameters of these shapes.

    Raises:
        ImportError: If PyLO is not installed.
    """
    import torch
    from pylo.models.Meta_MLP import MetaMLP
    from pylo.optim import AdafacLO_naive

    device = "cuda" if torch.cuda.is_available() else "cpu"  # PyLO chooses so
    parameters = [torch.nn.Parameter(torch.zeros(*shape, device=device)) for shape in shapes]
    for parameter in parameters:
        parameter.grad = torch.randn_like(parameter)
    with tempfile.TemporaryDirectory() as folder:
        MetaMLP(input_size=39, hidden_size=32, hidden_layers=1).save_pretrained(folder)
        optimizer = AdafacLO_naive(parameters, hf_key=folder)

    def step():
        optimizer.step()
        return parameters[-1].sum().item()

    return step


def google(shapes):
    """Returns a function that makes a step of google/learned_optimization's, compiled by XLA.

    Raises:
        ImportError: If it is not installed.
    """
    import jax
    from learned_optimization.learned_optimizers.adafac_mlp_lopt import AdafacMLPLOpt

    rule = AdafacMLPLOpt(hidden_size=32, hidden_layers=2)
    optimizer = rule.opt_fn(rule.init(jax.random.PRNGKey(0)))
    generator = np.random.default_rng(0)
    gradients = [generator.normal(size=shape).astype(np.float32) for shape in shapes]
    state = optimizer.init([np.zeros(shape, np.float32) for shape in shapes], num_steps=1000)
    update = jax.jit(optimizer.update)

    def step():
        nonlocal state
        state = jax.block_until_ready(update(state, gradients, 0.0))

    return step
