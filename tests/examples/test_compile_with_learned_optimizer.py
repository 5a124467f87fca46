import keras

from examples import compile_with_learned_optimizer as example


def test_both_optimizers_train_the_network_quietly_where_there_is_no_terminal(capsys):
    losses = example.main(steps=40)
    assert set(losses) == {"Adam", "learned"}
    assert max(losses.values()) < 2.2  # 2.3 is what guessing gives
    told = capsys.readouterr()
    assert [line.partition(":")[0] for line in told.out.splitlines()] == ["Adam", "learned"]
    assert told.err == ""


def test_both_start_alike_and_see_the_same_batches(monkeypatch):
    monkeypatch.setattr(example, "LearnedOptimizer", keras.optimizers.Adam)
    losses = example.main(steps=8)
    assert losses["Adam"] == losses["learned"]
