"""The learned optimizer's state in files: what is resumed goes on exactly, or is refused."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from learned_optim import LearnedOptimizer, pretrained, save_rule
from learned_optim.rules import make_rule


def _model(made, **arguments):
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(6, "relu", name=f"hidden_{i}") for i in range(2)]
    model = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(2, name="output")])
    model.compile(made, loss="mse", jit_compile=False, **arguments)
    return model


def _fit(model, epochs, done=0):
    x = np.random.default_rng(0).normal(size=(16, 4)).astype(np.float32)
    model.fit(
        x, x[:, :2], initial_epoch=done, epochs=epochs, batch_size=8, shuffle=False, verbose=0
    )
    return model


def _assert_same(model, expected):
    for mine, theirs in zip(model.variables, expected.variables, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    variables = zip(model.optimizer.variables, expected.optimizer.variables, strict=True)
    for mine, theirs in variables:
        np.testing.assert_array_equal(mine, theirs)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Function that makes the optimizer; a model of 4 epochs; files of it after 2 epochs."""

    def make():
        rule = make_rule("orthogonal", horizon=3)  # it fades after the files are written
        generator = np.random.default_rng(0)
        rule.set_weights([generator.normal(0, 0.5, w.shape) for w in rule.get_weights()])
        rate = keras.optimizers.schedules.CosineDecay(0.02, 8)
        return LearnedOptimizer(rate, weights=rule, weight_decay=0.01, use_ema=True)

    folder = tmp_path_factory.mktemp("whole")
    model = _fit(_model(make()), 2)
    model.save(folder / "model.keras")
    model.save_weights(folder / "checkpoint.weights.h5")
    tf.train.Checkpoint(model=model, optimizer=model.optimizer).save(folder / "checkpoint")
    return make, _fit(model, 4, done=2), folder


def test_a_keras_file_goes_on_exactly(whole):
    _, expected, folder = whole
    restored = keras.models.load_model(folder / "model.keras")
    assert isinstance(restored.optimizer, LearnedOptimizer)
    assert isinstance(restored.optimizer.learning_rate, tf.Tensor)
    assert restored.optimizer.iterations.numpy() == 4
    _assert_same(_fit(restored, 4, done=2), expected)


@pytest.mark.parametrize("kind", ["weights", "checkpoint"])
def test_a_checkpoint_goes_on_exactly(whole, kind):
    make, expected, folder = whole
    model = _model(make())
    model.optimizer.build(model.trainable_variables)
    if kind == "weights":
        model.load_weights(folder / "checkpoint.weights.h5")
    else:
        checkpoint = tf.train.Checkpoint(model=model, optimizer=model.optimizer)
        checkpoint.restore(str(folder / "checkpoint-1")).assert_existing_objects_matched()
    _assert_same(_fit(model, 4, done=2), expected)


def test_a_restored_training_keeps_the_rule_that_it_began_with(whole):
    make, expected, folder = whole
    made = make()
    made.rule.set_weights([0 * weight for weight in made.rule.get_weights()])
    model = _model(made)
    made.build(model.trainable_variables)
    model.load_weights(folder / "checkpoint.weights.h5")
    _assert_same(_fit(model, 4, done=2), expected)


def test_a_model_saved_before_its_first_step(tmp_path):
    model = _model(LearnedOptimizer(0.02, weights=make_rule("adam")), run_eagerly=True)
    model.save(tmp_path / "model.keras")
    with pytest.warns(UserWarning, match="starts from nothing: no state"):  # Adam warns, too
        restored = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(restored.optimizer.learning_rate, 0.02)
    _assert_same(_fit(restored, 1), _fit(model, 1))


def _built(rule, width, rate=0.02, **arguments):
    made = LearnedOptimizer(rate, weights=rule, **arguments)
    made.build([keras.Variable(np.ones(width, np.float32))])
    return made


def test_the_state_of_other_variables_is_left_with_a_warning():  # as by Adam
    store = {}
    _built(make_rule("orthogonal"), 5).save_own_variables(store)
    schedule = keras.optimizers.schedules.CosineDecay(0.02, 8)
    for other, message in (
        (_built(make_rule("orthogonal"), 6), "of other trainable .* 17 variables, this one 17 of"),
        (
            _built(make_rule("orthogonal"), 5, schedule),
            "another kind of learning rate.* this one 16",
        ),
    ):
        before = [variable.numpy() for variable in other.variables]
        with pytest.warns(UserWarning, match=message):
            other.load_own_variables(store)
        for variable, value in zip(other.variables, before, strict=True):
            np.testing.assert_array_equal(variable, value)


@pytest.mark.parametrize("frozen", ["a layer", "all"])
def test_a_model_with_frozen_layers_is_loaded(tmp_path, frozen):
    model = _fit(_model(LearnedOptimizer(0.02, weights=make_rule("adam"))), 1)
    (model.layers[0] if frozen == "a layer" else model).trainable = False
    model.compile(model.optimizer, loss="mse", jit_compile=False)
    model.save(tmp_path / "model.keras")
    with pytest.warns(UserWarning, match="starts from nothing: the saved state is that of other"):
        restored = keras.models.load_model(tmp_path / "model.keras")
    for mine, theirs in zip(restored.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    if frozen == "a layer":
        _fit(restored, 1)


def test_refuses_the_state_of_another_rule():
    store, built = {}, _built
    built(make_rule("orthogonal"), 5).save_own_variables(store)
    built(make_rule("orthogonal"), 5).load_own_variables(store)
    for other, message in (
        (
            built(make_rule("adam"), 5),
            "is of rule 'OrthogonalRule', this optimizer's is 'AdamRule'",
        ),
        (
            built(make_rule("orthogonal", scale=1.0), 5),
            r"is of scale 10.0, this optimizer's is 1.0",
        ),
        (built(make_rule("orthogonal"), 5, compact_state=True), "is of compact_state False"),
    ):
        before = [variable.numpy() for variable in other.variables]
        with pytest.raises(ValueError, match=message):
            other.load_own_variables(store)
        for variable, value in zip(other.variables, before, strict=True):
            np.testing.assert_array_equal(variable, value)


def test_refuses_a_state_file_of_another_rule(whole):
    _, _, folder = whole
    model = _model(LearnedOptimizer(0.02, weights=make_rule("rnnprop")))
    model.optimizer.build(model.trainable_variables)
    with pytest.raises(ValueError, match="saved state is of rule 'OrthogonalRule'"):
        model.load_weights(folder / "checkpoint.weights.h5")


@pytest.mark.parametrize("saved", [None, "adam"])
def test_weights_without_its_state_are_loaded_with_a_warning(whole, tmp_path, saved):
    make, _, _ = whole
    source = _model("adam")
    if saved is None:
        source = keras.Sequential([keras.Input((4,)), *source.layers])  # not compiled
    else:
        _fit(source, 1)
    source.save_weights(tmp_path / "source.weights.h5")
    model = _model(make())
    model.set_weights([0 * weight for weight in model.get_weights()])
    model.optimizer.build(model.trainable_variables)
    with pytest.warns(UserWarning, match="starts from nothing: no state of a LearnedOptimizer"):
        model.load_weights(tmp_path / "source.weights.h5")
    for mine, theirs in zip(model.get_weights(), source.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert model.optimizer.iterations.numpy() == 0


def test_an_optimizer_that_is_not_built_warns_and_says_what_to_do(whole):
    make, _, folder = whole
    model = _model(make())
    with pytest.warns(UserWarning, match=r"build it first, by optimizer.build\(model.trainable"):
        model.load_weights(folder / "checkpoint.weights.h5")


def test_a_model_of_mixed_float16_loads_under_another_policy(tmp_path):
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = _fit(_model(LearnedOptimizer(0.02, weights=make_rule("adam"))), 1)
        model.save(tmp_path / "model.keras")
    finally:
        keras.config.set_dtype_policy(policy)
    with pytest.warns(UserWarning, match="of one wrapped for loss scaling"):
        restored = keras.models.load_model(tmp_path / "model.keras")
    for mine, theirs in zip(restored.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_rule_restored_from_a_file_is_the_one_that_is_saved(monkeypatch, tmp_path, learned):
    monkeypatch.setattr(pretrained, "WEIGHTS", tmp_path)
    save_rule(learned("adam"), "mine", tmp_path, 0.007, {})
    store, variables = {}, [keras.Variable(np.ones(3, np.float32))]
    old = LearnedOptimizer(0.02, weights=make_rule("adam"))
    old.build(variables)
    old.save_own_variables(store)
    made = LearnedOptimizer(0.02, weights="mine")
    made.build(variables)
    made.load_own_variables(store)
    again = LearnedOptimizer.from_config(made.get_config())
    for mine, theirs in zip(again.rule.get_weights(), old.rule.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_saved_model_needs_no_file_of_its_rule(monkeypatch, tmp_path, learned):
    monkeypatch.setattr(pretrained, "WEIGHTS", tmp_path)
    save_rule(learned("adam"), "mine", tmp_path, 0.007, {})
    made = LearnedOptimizer(weights="mine")
    np.testing.assert_allclose(made.learning_rate, 0.007)
    _fit(_model(made), 2).save(tmp_path / "model.keras")
    # A later release of that name may be another rule.
    save_rule(make_rule("adam", beta_1=0.5, units=3), "mine", tmp_path, 0.1, {})
    again = keras.models.load_model(tmp_path / "model.keras").optimizer
    for mine, theirs in zip(again.rule.get_weights(), made.rule.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert again.rule.learning_rate == 0.007


def test_a_state_that_is_older_than_an_argument_of_the_rule_is_restored():
    store, variables = {}, [keras.Variable(np.ones(3, np.float32))]
    old = LearnedOptimizer(weights=make_rule("orthogonal"))
    old.build(variables)
    old.save_own_variables(store)
    (key,) = (key for key in store if not key.isdigit())
    known = json.loads(bytes(np.asarray(store[key])))
    assert known.pop("horizon") == 0
    store[key] = np.frombuffer(json.dumps(known).encode(), np.uint8)
    made = LearnedOptimizer(weights=make_rule("orthogonal"))
    made.build(variables)
    made.load_own_variables(store)
    other = LearnedOptimizer(weights=make_rule("orthogonal", horizon=100))
    other.build(variables)
    with pytest.raises(ValueError, match="the saved state is of horizon 0"):
        other.load_own_variables(store)
