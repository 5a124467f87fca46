from examples.compile_with_learned_optimizer import main


def test_both_optimizers_train_the_network():
    losses = main(steps=40)
    assert set(losses) == {"Adam", "learned"}
    assert max(losses.values()) < 2.2  # 2.3 is what guessing gives
