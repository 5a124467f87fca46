import keras
import pytest

from experiments import optimizers
from experiments.optimizers import make_optimizer
from experiments.schema import Optimizer
from learned_optim import OrthogonalMomentum
from learned_optim.rules import make_rule


def _rates(optimizer, steps):
    rates = []
    for step in steps:
        optimizer.iterations.assign(step)
        rates.append(float(optimizer.learning_rate))
    return rates


@pytest.mark.parametrize(
    ("name", "kind", "config", "decays"),
    [
        ("adam", keras.optimizers.Adam, {"beta_1": 0.9, "epsilon": 1e-7}, (None, 0.01)),
        ("adamw", keras.optimizers.AdamW, {"beta_1": 0.9, "epsilon": 1e-7}, (0.004, 0.01)),
        ("sgd", keras.optimizers.SGD, {"momentum": 0.9, "nesterov": False}, (None, 0.01)),
        ("orthogonal-momentum", OrthogonalMomentum, {"beta_2": 0.999}, (None, 0.01)),
    ],
)
def test_each_name_is_its_optimizer(name, kind, config, decays):
    plain = make_optimizer(Optimizer(name=name, schedule="constant"), steps=10)
    assert type(plain) is kind and _rates(plain, [5]) == pytest.approx([1e-3])
    assert {key: plain.get_config()[key] for key in config} == config
    settings = Optimizer(name=name, learning_rate=0.5, weight_decay=0.01)
    decayed = make_optimizer(settings, steps=10)
    assert _rates(decayed, [0, 10]) == pytest.approx([0.5, 0], abs=1e-6)
    assert (plain.weight_decay, decayed.weight_decay) == decays


@pytest.mark.parametrize(
    ("schedule", "rates"), [("constant", [0, 0.5, 1, 1, 1]), ("cosine", [0, 0.5, 1, 0.5, 0])]
)
def test_the_rate_rises_in_the_warmup_and_then_follows_the_schedule(schedule, rates):
    settings = Optimizer(learning_rate=1.0, warmup=0.2, schedule=schedule)
    optimizer = make_optimizer(settings, steps=10)
    assert type(optimizer) is keras.optimizers.Adam
    assert _rates(optimizer, [0, 1, 2, 6, 10]) == pytest.approx(rates, abs=1e-6)


def test_a_training_that_is_all_warmup_has_a_schedule():
    settings = Optimizer(learning_rate=1.0, warmup=0.98, schedule="cosine")
    assert _rates(make_optimizer(settings, steps=1), [0, 1]) == pytest.approx([1, 0], abs=1e-6)
    rates = _rates(make_optimizer(settings, steps=20), [0, 19, 20])
    assert rates == pytest.approx([0, 1, 0], abs=1e-6)


def test_a_learned_rule_is_read_once_and_runs_at_the_rate_it_is_meant_for(monkeypatch):
    rule, read = make_rule("adam"), []
    rule.learning_rate = 0.02
    monkeypatch.setattr(optimizers, "load_rule", lambda name: read.append(name) or rule)
    optimizer = make_optimizer(Optimizer(name="learned", weights="mine"), steps=10)
    assert optimizer.rule is rule and read == ["mine"]
    assert _rates(optimizer, [0, 5]) == pytest.approx([0.02, 0.01])
