import pytest

from examples.meta_train_own_task import main
from learned_optim import load_rule


def test_the_rule_is_judged_trained_and_written(tmp_path, capsys):
    before, after = main(steps=4, window=2, folder=tmp_path)
    assert before == pytest.approx(0.08, abs=0.02)  # Adam at its best rate
    assert after != before and after < 1
    assert load_rule(tmp_path / "digits.weights.h5").learning_rate == 0.05
    told = capsys.readouterr()  # of which a terminal gets more
    assert told.out.startswith("loss at the end") and told.out.count("\n") == 1
    assert told.err == ""
