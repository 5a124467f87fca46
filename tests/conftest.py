"""Keeps the tests away from the user's data, caches and GPUs."""

import os

import pytest

from dncnn_keras import quiet

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
quiet.import_tensorflow()


@pytest.fixture(autouse=True)
def _own_folders(monkeypatch, tmp_path_factory):
    monkeypatch.delenv("DENOISE_DATA", raising=False)
    monkeypatch.setenv("DENOISE_CACHE", str(tmp_path_factory.mktemp("cache")))
