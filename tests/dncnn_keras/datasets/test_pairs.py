import cv2
import numpy as np
import pytest
from scipy.io import savemat

from dncnn_keras.datasets import DataUnavailableError, load_pairs

# Scenes `book` and `door` and 003 are kept for validation.
FILES = {
    "polyu": [
        ("Sony_4_200_3200_door_2_real.JPG", "Sony_4_200_3200_door_2_mean.JPG"),
        ("Canon600D_4-5_125_1600_book_9_real.JPG", "Canon600D_4-5_125_1600_book_9_mean.JPG"),
        ("Canon5D2_5_200_3200_toy_1_real.JPG", "Canon5D2_5_200_3200_toy_1_mean.JPG"),
        ("Sony_4-5_125_1600_toy__8_real.JPG", "Sony_4-5_125_1600_toy__8_mean.JPG"),
    ],
    "sidd_small": [
        (f"Data/{instance}/NOISY_SRGB_010.PNG", f"Data/{instance}/GT_SRGB_010.PNG")
        for instance in ("0064_003_GP_01600_04000_3200_N", "0001_001_S6_00100_00060_3200_L")
    ],
    "nam_cc15": [("d600_iso3200_1_real.png", "d600_iso3200_1_mean.png")],
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Tiny pairs in the layout of the real ones."""
    random = np.random.default_rng(0)
    monkeypatch.setenv("DENOISE_DATA", str(tmp_path))
    for name, pairs in FILES.items():
        for index, pair in enumerate(pairs):
            for file in pair:
                path = tmp_path / name / file
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), random.integers(0, 256, (16 + index, 12, 3), np.uint8))
    return tmp_path


def rgb(path):
    return cv2.imread(str(path))[:, :, ::-1]


@pytest.mark.parametrize(
    ("name", "split", "expected"),
    [
        ("polyu", "train", {"Canon5D2_5_200_3200_toy_1": "toy", "Sony_4-5_125_1600_toy__8": "toy"}),
        (
            "polyu",
            "validation",
            {"Canon600D_4-5_125_1600_book_9": "book", "Sony_4_200_3200_door_2": "door"},
        ),
        ("sidd-small", "train", {"0001_001_S6_00100_00060_3200_L": "001"}),
        ("sidd-small", "validation", {"0064_003_GP_01600_04000_3200_N": "003"}),
        ("nam-cc15", "test", {"d600_iso3200_1": "d600_iso3200_1"}),
    ],
)
def test_pairs_are_split_by_scene_and_sorted_by_name(folder, name, split, expected):
    assert {pair.name: pair.scene for pair in load_pairs(name, split)} == expected
    names = [pair.name for pair in load_pairs(name, split, data_dir=folder)]
    assert names == sorted(expected)


def test_noisy_and_clean_are_the_right_files(folder):
    pair = load_pairs("sidd-small", "train")[0]
    instance = folder / "sidd_small" / "Data" / pair.name
    np.testing.assert_array_equal(pair.noisy, rgb(instance / "NOISY_SRGB_010.PNG"))
    np.testing.assert_array_equal(pair.clean, rgb(instance / "GT_SRGB_010.PNG"))
    pair = load_pairs("polyu", "validation")[1]
    for pixels, kind in ((pair.noisy, "real"), (pair.clean, "mean")):
        file = folder / "polyu" / f"Sony_4_200_3200_door_2_{kind}.JPG"
        np.testing.assert_array_equal(pixels, rgb(file))


def test_the_scenes_of_nam_are_cut_to_their_centre(tmp_path):
    noisy, clean = np.random.default_rng(0).integers(0, 256, (2, 1031, 1028, 3), np.uint8)
    scene = tmp_path / "nam" / "Nikon_D600" / "ISO_3200"
    scene.mkdir(parents=True)
    savemat(scene / "C_1.mat", {"img_noisy": noisy, "img_mean": clean})
    (pair,) = load_pairs("nam", "test", tmp_path)
    assert pair.name == "Nikon_D600/ISO_3200/C_1"
    np.testing.assert_array_equal(pair.noisy, noisy[3:1027, 2:1026])
    np.testing.assert_array_equal(pair.clean, clean[3:1027, 2:1026])

    savemat(scene / "C_1.mat", {"img_noisy": noisy / 255, "img_mean": clean / 255})
    with pytest.raises(ValueError, match=r"C_1\.mat: img_noisy is float64"):
        load_pairs("nam", "test", tmp_path)
    savemat(scene / "C_1.mat", {"img_noisy": noisy})
    with pytest.raises(ValueError, match=r"C_1\.mat: damaged, or not a MATLAB file with img_noisy"):
        load_pairs("nam", "test", tmp_path)


def test_a_missing_folder_is_explained(tmp_path):
    with pytest.raises(DataUnavailableError) as error:
        load_pairs("sidd-small", "train", tmp_path)
    for part in ("yorku.ca", "FOLDER/sidd_small/", "ln -s", "DENOISE_DATA=FOLDER", "'sample'"):
        assert part in str(error.value)
    with pytest.raises(DataUnavailableError, match="FOLDER/polyu/"):
        load_pairs("polyu", "train")
    with pytest.raises(FileNotFoundError, match="nowhere: there is no such folder"):
        load_pairs("polyu", "train", tmp_path / "nowhere")


def test_another_layout_is_explained_in_one_line(folder):
    (folder / "nam").mkdir()
    with pytest.raises(
        FileNotFoundError, match=r"nam: not the layout of nam \(.*C_1\.mat"
    ) as error:
        load_pairs("nam", "test")
    assert "\n" not in str(error.value)
    (folder / "polyu" / "house_real.JPG").write_bytes(b"")
    (folder / "polyu" / "house_mean.JPG").write_bytes(b"")
    with pytest.raises(ValueError, match=r"house_real\.JPG: the name does not tell the scene"):
        load_pairs("polyu", "train")


def test_a_split_without_pairs_is_refused(folder):
    for file in (folder / "polyu").glob("*_toy_*"):
        file.unlink()
    with pytest.raises(FileNotFoundError, match="none of its 2 pairs is of the split 'train'"):
        load_pairs("polyu", "train")


@pytest.mark.parametrize(("lost", "left"), [("real", "mean"), ("mean", "real")])
def test_a_picture_without_partner_is_named(folder, lost, left):
    (folder / "nam_cc15" / f"d600_iso3200_1_{lost}.png").unlink()
    kind = {"real": "noisy", "mean": "clean"}[lost]
    cv2.imwrite(str(folder / "nam_cc15" / "other_real.png"), np.zeros((9, 9, 3), np.uint8))
    cv2.imwrite(str(folder / "nam_cc15" / "other_mean.png"), np.zeros((9, 9, 3), np.uint8))
    with pytest.raises(FileNotFoundError, match=rf"1_{left}\.png: has no {kind} partner"):
        load_pairs("nam-cc15", "test")


def test_pictures_of_different_size_are_refused_even_where_damaged_ones_are_not(folder):
    file = folder / "nam_cc15" / "d600_iso3200_1_mean.png"
    cv2.imwrite(str(file), np.zeros((12, 16, 3), np.uint8))
    with pytest.raises(ValueError, match=r"1_real\.png: .* differ in size, 12x16 but 16x12"):
        load_pairs("nam-cc15", "test", unreadable="skip")


def test_a_damaged_file_fails_or_is_skipped(folder, capfd):
    file = folder / "polyu" / "Canon5D2_5_200_3200_toy_1_mean.JPG"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(ValueError, match=r"toy_1_mean\.JPG: damaged"):
        load_pairs("polyu", "train")
    assert capfd.readouterr().err == ""
    pairs = load_pairs("polyu", "train", unreadable="skip")
    assert [pair.name for pair in pairs] == ["Sony_4-5_125_1600_toy__8"]
    (line,) = capfd.readouterr().err.splitlines()
    assert "the pair Canon5D2_5_200_3200_toy_1 is left out" in line and file.name in line

    (folder / "polyu" / "Sony_4-5_125_1600_toy__8_real.JPG").write_bytes(b"")
    with pytest.raises(ValueError, match="no pair of the split 'train' is left"):
        load_pairs("polyu", "train", unreadable="skip")


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="no pairs 'sidd', choose one of polyu, .*, sample$"):
        load_pairs("sidd", "train")
    with pytest.raises(ValueError, match="nam-cc15: there is no split 'train', choose one of test"):
        load_pairs("nam-cc15", "train")
    with pytest.raises(ValueError, match="choose one of train, validation$"):
        load_pairs("polyu", "test")
    with pytest.raises(ValueError, match="must be 'fail' or 'skip', got 'ignore'"):
        load_pairs("sample", "train", unreadable="ignore")
