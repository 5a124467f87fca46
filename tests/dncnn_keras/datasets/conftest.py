import hashlib

import cv2
import numpy as np
import pytest

from dncnn_keras.datasets import source_files

FILES = {
    "bsd68": ["test001.png", "test002.png", "test003.png"],
    "set12": ["01.png", "02.png"],
    "bsds500": ["train/9.jpg", "train/10.jpg", "val/7.jpg", "test/8.jpg"],
}


@pytest.fixture
def tiny_sets(tmp_path, monkeypatch):
    """A folder of tiny files in place of the real ones, an empty cache (and no network)."""
    random = np.random.default_rng(0)
    data = tmp_path / "data"
    records = {}
    for name, paths in FILES.items():
        records[name] = []
        for index, path in enumerate(paths):
            shape = (8 + index, 12, 3) if name == "bsds500" else (8 + index, 12)
            pixels = random.integers(0, 256, shape, np.uint8)
            file = data / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(file), pixels)
            content = file.read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            records[name].append(source_files.RecordedFile(path, len(content), digest))

    def no_network(url):
        raise OSError("no network")

    monkeypatch.setattr(source_files, "recorded_files", records.__getitem__)
    monkeypatch.setattr(source_files, "read_url", no_network)
    monkeypatch.setenv("DENOISE_CACHE", str(tmp_path / "cache"))
    return data
