import collections
import http.server
import threading

import pytest

from dncnn_keras.datasets import DataUnavailableError, source_files

PAGE = "https://github.com/someone/images/tree/0123abc/some/folder"
RAW = "https://raw.githubusercontent.com/someone/images/0123abc/some/folder/"


def find(data_dir=None):
    return source_files.find_or_download("bsd68", PAGE, data_dir)


def stored_files(tmp_path):
    return [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("name", "folders"),
    [
        ("bsd400", {".": 400}),
        ("bsd68", {".": 68}),
        ("set12", {".": 12}),
        ("bsds500", {"train": 200, "val": 100, "test": 200}),
    ],
)
def test_the_records_are_complete(name, folders):
    files = source_files.recorded_files(name)
    counts = collections.Counter(file.path.rpartition("/")[0] or "." for file in files)
    assert counts == folders
    assert len({file.path for file in files}) == len({file.sha256 for file in files}) == len(files)
    assert all(len(bytes.fromhex(file.sha256)) == 32 and file.size > 1000 for file in files)


def test_a_complete_folder_is_used_without_network(tiny_sets, monkeypatch):
    expected = [tiny_sets / "bsd68" / f"test00{i}.png" for i in (1, 2, 3)]
    assert find(tiny_sets) == expected
    monkeypatch.setenv("DENOISE_DATA", str(tiny_sets))
    assert find() == expected


def test_a_missing_file_is_named_in_one_line(tiny_sets):
    (tiny_sets / "bsd68" / "test002.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"bsd68/test002\.png: missing") as error:
        find(tiny_sets)
    assert PAGE in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("change", [lambda b: b[:-1], lambda b: b[:-1] + bytes([b[-1] ^ 1])])
def test_a_changed_file_is_named_in_one_line(tiny_sets, change):
    file = tiny_sets / "bsd68" / "test002.png"
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(ValueError, match=r"bsd68/test002\.png: size or SHA-256") as error:
        find(tiny_sets)
    assert "\n" not in str(error.value)


def test_a_folder_without_the_set_is_passed_over(tiny_sets, tmp_path):
    with pytest.raises(DataUnavailableError):
        find(tmp_path)


def test_without_network_one_message_tells_what_to_do(tiny_sets, tmp_path):
    with pytest.raises(DataUnavailableError) as error:
        find()
    message = str(error.value)
    remedy = "DENOISE_DATA=FOLDER, and try again"
    for part in ("no network", PAGE, "FOLDER/bsd68/test001.png", remedy):
        assert part in message
    assert "<" not in message
    assert not stored_files(tmp_path)


def test_without_network_it_gives_up_at_once(tiny_sets, monkeypatch):
    many = [source_files.RecordedFile(f"{i}.png", 1, "") for i in range(1000)]
    attempts = []

    def no_network(url):
        attempts.append(url)
        raise OSError("no network")

    monkeypatch.setattr(source_files, "recorded_files", lambda name: many)
    monkeypatch.setattr(source_files, "read_url", no_network)
    with pytest.raises(DataUnavailableError):
        find()
    assert attempts == [RAW + "0.png"]


def test_an_interrupted_download_goes_on_where_it_was(tiny_sets, tmp_path, monkeypatch):
    asked = []
    broken = {RAW + "test002.png"}

    def read_url(url):
        asked.append(url)
        if url in broken:
            raise TimeoutError("timed out")
        return (tiny_sets / "bsd68" / url.removeprefix(RAW)).read_bytes()

    monkeypatch.setattr(source_files, "read_url", read_url)
    with pytest.raises(DataUnavailableError, match="timed out"):
        find()
    there = {path.name for path in stored_files(tmp_path)}
    assert there <= {"test001.png", "test003.png"}

    asked.clear()
    broken.clear()
    files = find()
    assert {RAW + path.name for path in files if path.name not in there} == set(asked)
    assert [path.read_bytes() for path in files] == [
        (tiny_sets / "bsd68" / path.name).read_bytes() for path in files
    ]
    assert sorted(stored_files(tmp_path)) == files

    asked.clear()
    assert find() == files
    assert not asked


def test_a_download_that_is_not_the_recorded_file_is_not_kept(tiny_sets, tmp_path, monkeypatch):
    monkeypatch.setattr(source_files, "read_url", lambda url: b"<html>log in first</html>")
    with pytest.raises(DataUnavailableError, match="is not the recorded file"):
        find()
    assert not stored_files(tmp_path)


def test_any_answer_is_a_sign_of_life_and_none_is_an_error(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    asked = []

    class Refusing(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            asked.append(self.path)
            self.send_error(403)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Refusing) as server:
        address = f"http://127.0.0.1:{server.server_port}/file.zip"
        answer = threading.Thread(target=server.handle_request, daemon=True)
        answer.start()
        source_files.check_answer(address)
        answer.join()
    assert asked == ["/file.zip"]
    with pytest.raises(OSError, match="refused"):
        source_files.check_answer(address)
