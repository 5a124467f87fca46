"""Keeps the tests away from the user's data, caches and GPUs."""

import os

import pytest

from dncnn_keras import quiet

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
quiet.import_tensorflow()


@pytest.fixture(autouse=True, scope="session")
def _own_environment(tmp_path_factory):
    with pytest.MonkeyPatch.context() as environment:
        for name in ("DENOISE_DATA", "TF_CONFIG"):
            environment.delenv(name, raising=False)
        # For fixtures that several tests share; every test has its own.
        environment.setenv("DENOISE_CACHE", str(tmp_path_factory.mktemp("shared_cache")))
        yield


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path_factory):
    monkeypatch.setenv("DENOISE_CACHE", str(tmp_path_factory.mktemp("cache")))
