import numpy as np
import pytest

from meta_aux.diagonal_fields import SIDE, cut, diagonal_fields


def board(height, width, parts):
    """How often each pixel is in a field, fields found part by part."""
    count = np.zeros((height, width), int)
    for rows, columns in parts:
        part = count[slice(*rows), slice(*columns)]
        for field in diagonal_fields((height, width), rows, columns):
            part[field] += 1
    return count


def test_fields_make_every_third_diagonal():
    rows, columns = np.indices((260, 330)) // SIDE
    expected = ((rows + columns) % 3 == 0) & (rows < 4) & (columns < 5)
    np.testing.assert_array_equal(board(260, 330, [((0, 260), (0, 330))]), expected)


def test_parts_have_the_fields_of_the_whole():
    whole = board(300, 500, [((0, 300), (0, 500))])
    parts = [(rows, columns) for rows in ((0, 192), (192, 300)) for columns in ((0, 64), (64, 500))]
    np.testing.assert_array_equal(board(300, 500, parts), whole)


@pytest.mark.parametrize(("size", "count"), [((7, 5), 1), ((7, 260), 2), ((64, 64), 1)])
def test_a_small_image_is_one_field_high_or_wide(size, count):
    fields = diagonal_fields(size, (0, size[0]), (0, size[1]))
    assert len(fields) == count
    rows, columns = fields[0]
    assert (rows.stop, columns.stop) == (min(size[0], SIDE), min(size[1], SIDE))


def test_cuts_every_field_of_every_image():
    images = np.random.default_rng(0).random((2, 70, 260, 3))
    fields = diagonal_fields((70, 260), (0, 70), (0, 260))
    found = cut(images, fields).numpy()
    assert found.shape == (2, 2, 64, 64, 3)
    np.testing.assert_array_equal(found[:, 0], images[:, :64, :64])
    np.testing.assert_array_equal(found[:, 1], images[:, :64, 192:256])
