import errno
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from dncnn_keras import DnCNN, cli, images
from dncnn_keras.denoisers.dncnn import DnCNNDenoiser
from dncnn_keras.images import PixelFormat, read_image, to_float, write_image
from dncnn_keras.pretrained import save_pretrained


@pytest.fixture
def weights(tmp_path):
    """Weights of a network that darkens every image by 0.1."""
    model = DnCNN(depth=3, filters=2)
    model.get_layer("conv_3").set_weights([np.zeros((3, 3, 2, 1)), np.array([0.1])])
    return str(save_pretrained(model, "darken", tmp_path / "weights", {}))


def _image(channels=1, seed=0):
    levels = np.random.default_rng(seed).integers(60, 200, (12, 9, channels))
    return (levels / 255).astype(np.float32)


def _fails(capfd, *arguments):
    """Runs a command that must fail as a user's error, and returns its one line."""
    assert cli.main(["denoise", *map(str, arguments)]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("dncnn-keras: ")
    assert err.count("\n") == 1
    return err


def _is_darkened(path, image):
    clean, _ = read_image(path)
    np.testing.assert_allclose(to_float(clean), image - 0.1, rtol=0, atol=0.51 / 255)


@pytest.mark.parametrize("name, channels", [("a.png", 1), ("ä.tif", 3)])
def test_file(tmp_path, weights, capfd, name, channels):
    write_image(tmp_path / name, _image(channels))
    target = tmp_path / f"clean-{name}"
    assert cli.main(["denoise", str(tmp_path / name), str(target), "--model", weights]) == 0
    _is_darkened(target, _image(channels))
    assert capfd.readouterr() == ("", "")


def test_keeps_16_bits_and_alpha(tmp_path, weights):
    alpha = np.random.default_rng(0).integers(0, 65536, (12, 9), np.uint16)
    write_image(tmp_path / "a.png", _image(3), PixelFormat(np.uint16, alpha))
    assert cli.main(["denoise", f"{tmp_path}/a.png", f"{tmp_path}/b.png", "--model", weights]) == 0
    _is_darkened(tmp_path / "b.png", _image(3))
    _, pixel_format = read_image(tmp_path / "b.png")
    assert pixel_format.dtype == np.uint16
    np.testing.assert_array_equal(pixel_format.alpha, alpha)


def test_file_into_a_folder(tmp_path, weights):
    write_image(tmp_path / "a.png", _image())
    (tmp_path / "out").mkdir()
    assert cli.main(["denoise", f"{tmp_path}/a.png", f"{tmp_path}/out", "--model", weights]) == 0
    _is_darkened(tmp_path / "out" / "a.png", _image())


def test_folder_skips_and_names_what_is_damaged(tmp_path, weights, capfd):
    source, target = tmp_path / "in", tmp_path / "new" / "out"
    (source / "sub.png").mkdir(parents=True)
    write_image(source / "a.png", _image(seed=1))
    (source / "b.png").write_bytes((source / "a.png").read_bytes()[:-40])
    write_image(source / "c.TIFF", _image(3, seed=2))
    (source / "notes.txt").write_text("not an image")
    (source / "._a.png").write_text("what macOS leaves beside a.png")
    assert cli.main(["denoise", str(source), str(target), "--model", weights]) == 1
    assert sorted(path.name for path in target.iterdir()) == ["a.png", "c.TIFF"]
    _is_darkened(target / "a.png", _image(seed=1))
    _is_darkened(target / "c.TIFF", _image(3, seed=2))
    out, err = capfd.readouterr()
    assert out == ""
    assert err.splitlines() == [
        f"dncnn-keras: skipped {source / 'b.png'}: damaged, or not a PNG, JPEG or TIFF "
        "image of up to 2^30 pixels"
    ]


@pytest.mark.parametrize("error", [MemoryError, FloatingPointError])
def test_an_image_that_fails_does_not_stop_the_folder(tmp_path, weights, capfd, monkeypatch, error):
    (tmp_path / "in").mkdir()
    for name in ("a.png", "b.png"):
        write_image(tmp_path / "in" / name, _image())
    denoise_pixels = DnCNNDenoiser.denoise_pixels
    failures = [error("no luck")]

    def once(self, pixels, sigma=None):
        if failures:
            raise failures.pop()
        return denoise_pixels(self, pixels, sigma)

    monkeypatch.setattr(DnCNNDenoiser, "denoise_pixels", once)
    command = ["denoise", f"{tmp_path}/in", f"{tmp_path}/out", "--model", weights]
    assert cli.main(command) == 1
    assert capfd.readouterr().err == f"dncnn-keras: skipped {tmp_path}/in/a.png: no luck\n"
    _is_darkened(tmp_path / "out" / "b.png", _image())


def test_folder_without_trouble_tells_of_each_image_if_asked(tmp_path, weights, capfd):
    (tmp_path / "in").mkdir()
    write_image(tmp_path / "in" / "a.png", _image())
    command = ["denoise", f"{tmp_path}/in", f"{tmp_path}/out", "--model", weights]
    assert cli.main(command) == 0
    assert capfd.readouterr() == ("", "")
    assert cli.main([*command, "--verbose"]) == 0
    out, err = capfd.readouterr()
    assert out.startswith(f"{tmp_path}/in/a.png: 9 x 12 x 1, ") and err == ""


def test_ctrl_c_is_one_line(tmp_path, weights, capfd, monkeypatch):
    def stop(*arguments):
        raise KeyboardInterrupt

    write_image(tmp_path / "a.png", _image())
    monkeypatch.setattr(images, "write_image", stop)
    command = ["denoise", f"{tmp_path}/a.png", f"{tmp_path}/b.png", "--model", weights]
    assert cli.main(command) == 130
    assert capfd.readouterr().err.startswith("\ndncnn-keras: stopped; what is written is whole")


def test_wrong_input(tmp_path, weights, capfd):
    model = ("--model", weights)
    out = tmp_path / "out.png"
    assert "no such file or folder" in _fails(capfd, tmp_path / "x.png", out, *model)
    (tmp_path / "x.gif").touch()
    assert "x.gif: not a name of" in _fails(capfd, tmp_path / "x.gif", out, *model)
    (tmp_path / "x.png").write_text("hello")
    assert "x.png: damaged" in _fails(capfd, tmp_path / "x.png", out, *model)
    (tmp_path / "empty").mkdir()
    assert "holds no PNG" in _fails(capfd, tmp_path / "empty", tmp_path / "out", *model)
    assert not out.exists()
    assert not (tmp_path / "out").exists()


def test_wrong_output(tmp_path, weights, capfd):
    model = ("--model", weights)
    source = tmp_path / "in" / "a.png"
    source.parent.mkdir()
    write_image(source, _image())
    before = source.read_bytes()
    (tmp_path / "file.png").touch()
    (tmp_path / "link.png").symlink_to(source)
    assert "is a file" in _fails(capfd, source.parent, tmp_path / "file.png", *model)
    assert "is the input itself" in _fails(capfd, source, source, *model)
    assert "is the input itself" in _fails(capfd, source, source.parent, *model)
    assert "is the input itself" in _fails(capfd, source, tmp_path / "link.png", *model)
    assert "is the input itself" in _fails(capfd, source.parent, source.parent, *model)
    assert "no such folder" in _fails(capfd, source, tmp_path / "no" / "b.png", *model)
    assert "b.bmp: not a name of" in _fails(capfd, source, tmp_path / "b.bmp", *model)
    assert "file.png/out" in _fails(capfd, source.parent, tmp_path / "file.png" / "out", *model)
    assert source.read_bytes() == before


def test_a_name_with_a_line_break_is_told_on_one_line(tmp_path, weights, capfd):
    (tmp_path / "a\nb.png").write_text("hello")
    line = _fails(capfd, tmp_path / "a\nb.png", tmp_path / "c.png", "--model", weights)
    assert r"a\nb.png: damaged" in line


def test_too_little_memory(tmp_path, weights, capfd, monkeypatch):
    write_image(tmp_path / "a.png", _image())

    def decode(data, flags):
        error = cv2.error("Failed to allocate")
        error.code = cv2.Error.StsNoMem
        raise error

    monkeypatch.setattr(images.cv2, "imdecode", decode)
    line = _fails(capfd, tmp_path / "a.png", tmp_path / "b.png", "--model", weights)
    assert "a.png: needs more memory than there is" in line


@pytest.mark.parametrize("folder", [False, True])
def test_full_disk(tmp_path, weights, capfd, monkeypatch, folder):
    source = tmp_path / "in" / "a.png"
    source.parent.mkdir()
    write_image(source, _image())

    def write_bytes(self, data):
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    pair = (source.parent, tmp_path / "out") if folder else (source, tmp_path / "b.png")
    assert "No space left on device" in _fails(capfd, *pair, "--model", weights)
    assert not [path for path in (tmp_path / "out").glob("*")]
    assert not (tmp_path / "b.png").exists()


def test_alpha_does_not_fit_into_jpeg(tmp_path, weights, capfd):
    write_image(tmp_path / "a.png", _image(3), PixelFormat(np.uint8, np.ones((12, 9), np.uint8)))
    line = _fails(capfd, tmp_path / "a.png", tmp_path / "b.jpg", "--model", weights)
    assert "JPEG cannot hold an alpha channel" in line


def test_wrong_model_or_sigma(tmp_path, weights, capfd):
    pair = (tmp_path / "a.png", tmp_path / "b.png")
    write_image(pair[0], _image())
    line = _fails(capfd, *pair, "--model", "nope")
    assert "--model nope: there are no weights named 'nope'" in line and "or give real-mtl" in line
    assert "needs the noise level: add --sigma" in _fails(capfd, *pair, "--model", "ksvd")
    for sigma in ("-1", "nan", "256"):
        assert "--sigma must be" in _fails(capfd, *pair, "--model", weights, "--sigma", sigma)
    assert not pair[1].exists()


def test_bm3d_that_is_not_installed_is_one_line(tmp_path, capfd, monkeypatch):
    write_image(tmp_path / "a.png", _image())
    monkeypatch.setitem(sys.modules, "bm3d", None)
    arguments = (tmp_path / "a.png", tmp_path / "b.png", "--model", "bm3d", "--sigma", "25")
    assert "pip install bm3d" in _fails(capfd, *arguments)


def test_classical_method(tmp_path):
    noise = np.random.default_rng(0).normal(0, 25 / 255, (24, 24, 1))
    write_image(tmp_path / "a.png", np.float32(0.5 + noise))
    arguments = ["denoise", f"{tmp_path}/a.png", f"{tmp_path}/b.png"]
    assert cli.main([*arguments, "--model", "ksvd", "--sigma", "25"]) == 0
    assert to_float(read_image(tmp_path / "b.png")[0]).std() < 0.5 * noise.std()


@pytest.mark.parametrize("model", ["nlm", "ksvd"])
def test_a_classical_method_does_without_tensorflow(tmp_path, model):
    write_image(tmp_path / "a.png", _image())
    command = ["denoise", "a.png", "b.png", "--model", model, "--sigma", "25"]
    code = f"import sys; from dncnn_keras.cli import main; assert main({command}) == 0\n"
    code += "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert (tmp_path / "b.png").is_file()


def test_help_is_quick():
    code = "import sys; from dncnn_keras.cli import main\ntry: main(['denoise', '--help'])\n"
    code += "finally: assert not {'tensorflow', 'keras', 'cv2', 'numpy'} & set(sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
    assert "--sigma" in result.stdout
