import keras
import numpy as np
import pytest
import tensorflow as tf

from learned_optim import OrthogonalMomentum

SHAPES = [(3, 3, 1, 4), (4,), (3, 3, 4, 5), (5,), (5, 5), (5, 2), (2,)]
HIDDEN = [2, 4]


def _variables(dtype="float32"):
    generator = np.random.default_rng(0)
    return [keras.Variable(generator.normal(size=shape), dtype=dtype) for shape in SHAPES]


def _gradients(step):
    generator = np.random.default_rng(100 + step)
    return [generator.normal(size=shape).astype(np.float32) for shape in SHAPES]


def test_steps_are_those_of_a_float64_reference(orthogonalized):
    variables, optimizer = _variables(), OrthogonalMomentum(0.02, beta_warmup=4)
    expected = [np.asarray(v, np.float64) for v in variables]
    momentum, velocity = ([np.zeros(shape) for shape in SHAPES] for _ in range(2))
    for step in range(1, 6):
        optimizer.apply(_gradients(step), variables)
        for i, gradient in enumerate(g.astype(np.float64) for g in _gradients(step)):
            # The decay of a hidden kernel's momentum rises for four steps.
            beta = 0.85 + 0.1 * min(step / 4, 1) if i in HIDDEN else 0.9
            momentum[i] = beta * momentum[i] + (1 - beta) * gradient
            velocity[i] = 0.999 * velocity[i] + 0.001 * gradient**2
            if i in HIDDEN:
                nesterov = (beta * momentum[i] + (1 - beta) * gradient).reshape(-1, SHAPES[i][-1])
                # The reference iterates over wide matrices.
                direction = orthogonalized(nesterov.T).T * 0.2 * np.sqrt(max(nesterov.shape))
            else:
                corrected = velocity[i] / (1 - 0.999**step)
                direction = 0.5 * momentum[i] / (1 - 0.9**step) / np.sqrt(corrected)
            expected[i] -= 0.02 * direction.reshape(SHAPES[i])
    for variable, value in zip(variables, expected, strict=True):
        np.testing.assert_allclose(variable, value, atol=2e-5)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-5), ("bfloat16", 0.03)])
def test_variables_of_any_precision(dtype, tolerance):
    results = []
    for each in ("float32", dtype):
        variables, optimizer = _variables(each), OrthogonalMomentum(0.1)
        for step in range(3):
            optimizer.apply([tf.cast(g, each) for g in _gradients(step)], variables)
        results.append([np.asarray(variable, np.float32) for variable in variables])
    for wanted, found in zip(*results, strict=True):
        np.testing.assert_allclose(found, wanted, atol=tolerance)


def test_hidden_kernels_need_no_velocity():
    optimizer = OrthogonalMomentum()
    optimizer.build(_variables())
    names = [variable.name for variable in optimizer.variables]
    assert sum("momentum" in name for name in names) == len(SHAPES)
    assert sum("velocity" in name for name in names) == len(SHAPES) - len(HIDDEN)


def _model():
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(8, "relu") for _ in range(2)]
    return keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(2)])


def test_training_resumed_from_a_file_goes_on_exactly(tmp_path):
    x = np.random.default_rng(0).normal(size=(16, 4)).astype(np.float32)
    fit = {"batch_size": 8, "shuffle": False, "verbose": 0}
    model = _model()
    model.compile(
        optimizer=OrthogonalMomentum(0.01, beta_hidden=0.8, weight_decay=0.1, clipnorm=1.0),
        loss="mse",
        jit_compile=False,
    )
    first = model.fit(x, x[:, :2], epochs=2, **fit).history["loss"]
    model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    assert restored.optimizer.beta_hidden == 0.8
    last = model.fit(x, x[:, :2], epochs=4, **fit).history["loss"]
    assert restored.fit(x, x[:, :2], epochs=4, **fit).history["loss"] == last
    assert last[-1] < 0.9 * first[0]


def test_xla_computes_the_same():
    results = []
    for jit_compile in (False, True):
        variables, optimizer = _variables(), OrthogonalMomentum(0.1)
        optimizer.build(variables)
        apply = tf.function(optimizer.apply, jit_compile=jit_compile)
        for step in range(3):
            apply([tf.constant(gradient) for gradient in _gradients(step)])
        results.append([variable.numpy() for variable in variables])
    for plain, compiled in zip(*results, strict=True):
        np.testing.assert_allclose(compiled, plain, atol=1e-5)
