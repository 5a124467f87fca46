import cv2

from examples.denoise_photograph import main


def test_the_photograph_becomes_clean(tmp_path):
    noisy, denoised = main(size=96, folder=tmp_path / "new")
    assert 20 < noisy < 22 and denoised > noisy + 5
    assert cv2.imread(str(tmp_path / "new" / "denoised.png"), cv2.IMREAD_GRAYSCALE).shape == (
        96,
        96,
    )
