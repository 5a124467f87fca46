import cv2

from examples.adapt_to_photograph import main


def test_the_photograph_becomes_clean_and_adaptation_makes_it_cleaner(tmp_path):
    noisy, denoised, adapted = main(size=160, folder=tmp_path / "new")
    assert noisy + 0.3 < denoised and denoised + 0.1 < adapted
    assert cv2.imread(str(tmp_path / "new" / "adapted.png")).shape == (160, 160, 3)
