import numpy as np
import pytest
import skimage.data

from dncnn_keras.datasets import load_images
from dncnn_keras.datasets.sample import load_sample


def test_the_sample_is_skimages_own_photographs_in_grey_or_colour():
    grey = {image.name: image.pixels for image in load_images("sample", "test")}
    np.testing.assert_array_equal(grey["camera"][:, :, 0], skimage.data.camera())
    assert grey["coffee"].shape == (400, 600, 1)
    colour = {image.name: image.pixels for image in load_sample("train", channels=3)}
    np.testing.assert_array_equal(colour["astronaut"], skimage.data.astronaut())
    assert all(pixels.dtype == np.uint8 for pixels in [*grey.values(), *colour.values()])


def test_no_photograph_is_in_both_splits():
    train, test = ({image.name for image in load_sample(split)} for split in ("train", "test"))
    assert len(train) == 8
    assert len(test) == 3
    assert not train & test


@pytest.mark.parametrize("split", [None, "val"])
def test_unknown_split(split):
    with pytest.raises(ValueError, match="choose 'train' or 'test'"):
        load_sample(split)
