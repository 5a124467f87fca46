import keras
import numpy as np

from experiments.mask_pictures import MaskPictures, mask_pictures
from experiments.schema import Budget
from meta_aux import MaskNetwork, MultiTask, RealDenoiser


def train(trainer, callback, first, last):
    trainer.fit(
        np.zeros((6, 1)),
        np.zeros((6, 1)),
        batch_size=1,
        initial_epoch=first,
        epochs=last,
        steps_per_epoch=2,
        verbose=0,
        callbacks=[callback],
    )


def test_masks_are_written_over_a_training_that_is_resumed(tmp_path):
    generator = np.random.default_rng(0)
    denoiser = RealDenoiser(MultiTask((2, 3, 4)), MaskNetwork(2))
    noisy = generator.uniform(size=(5, 7, 3)).astype(np.float32)
    trainer = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    trainer.compile(optimizer="sgd", loss="mse", jit_compile=False)
    callback = MaskPictures(denoiser, noisy, tmp_path / "run", Budget(steps=20, epoch=2))
    train(trainer, callback, 0, 3)
    assert list(mask_pictures(tmp_path / "run")) == [0, 4]
    first = np.array(denoiser.predict_mask(noisy[None]))[0, ..., 0]
    denoiser.mask_network.set_weights([w + 0.1 for w in denoiser.mask_network.get_weights()])
    train(trainer, callback, 3, 10)
    masks = mask_pictures(tmp_path / "run")
    assert list(masks) == [0, 4, 8, 12, 16, 20]
    assert {mask.shape for mask in masks.values()} == {(5, 7)}
    np.testing.assert_allclose(masks[4], 255 * first, atol=0.51)
    last = np.array(denoiser.predict_mask(noisy[None]))[0, ..., 0]
    np.testing.assert_allclose(masks[20], 255 * last, atol=0.51)
    assert np.abs(masks[20].astype(int) - masks[4]).max() > 3


def test_there_are_no_masks_where_there_is_no_run(tmp_path):
    assert mask_pictures(tmp_path / "none") == {}
