import pytest

from dncnn_keras import paths


def test_data_folder_is_the_user_s(monkeypatch, tmp_path):
    assert paths.data_dir() is None
    monkeypatch.setenv("DENOISE_DATA", str(tmp_path))
    assert paths.data_dir() == tmp_path


def test_a_data_folder_that_is_not_there_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("DENOISE_DATA", str(tmp_path / "none"))
    with pytest.raises(FileNotFoundError, match=r"DENOISE_DATA=.*none: there is no such folder"):
        paths.data_dir()


def test_cache_is_in_the_home_folder_unless_the_user_says_otherwise(monkeypatch, tmp_path):
    monkeypatch.setenv("DENOISE_CACHE", str(tmp_path))
    assert paths.cache_dir() == tmp_path
    monkeypatch.delenv("DENOISE_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert paths.cache_dir() == tmp_path / ".cache" / "meta-denoise"
