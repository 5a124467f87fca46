import json
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest

from dncnn_keras import DnCNN, datasets
from dncnn_keras.pretrained import save_pretrained
from experiments import methods, pictures
from experiments import table1 as module
from experiments.__main__ import main
from experiments.images import noisy_image
from experiments.lock import alone
from experiments.published import TABLE1_PSNR, TABLE1_SSIM
from experiments.schema_dncnn import Visual

ROOT = Path(__file__).parents[2]
EXPERIMENT = """
kind: table1
sigmas: [15, 50]
models: [{weights}]
visual: {{zoom: [2, 3, 8]}}
"""


def _images(*names):
    generator = np.random.default_rng(0)
    return [
        datasets.NamedImage(name, generator.integers(0, 256, (20, 24, 1), dtype=np.uint8))
        for name in names
    ]


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    keras.utils.set_random_seed(0)
    curve = {"validation_curve": [[10, 1.5, 20.0], [20, 3.0, 25.0]]}
    save_pretrained(DnCNN(depth=2, filters=2), "mine", tmp_path, curve)
    classical = module.classical_methods
    # K-SVD and BM3D take minutes on real images, and BM3D is an optional extra.
    monkeypatch.setattr(
        module,
        "classical_methods",
        lambda protocol: [m for m in classical(protocol) if m.name in ("noisy", "nlm")],
    )
    file = tmp_path / "table1.yaml"
    file.write_text(EXPERIMENT.format(weights=tmp_path / "mine.weights.h5"))
    return file


def test_table_stands_beside_the_paper_s(file, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(module.datasets, "load_images", lambda *_: _images("bsd68/a", "set12/b"))
    assert main(["run", str(file)]) == 0
    table = (tmp_path / "results" / "table1.md").read_text()
    assert table in capsys.readouterr().out
    table, _, times = table.partition("\n# Table 3")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[4:]]
    header, *rows = [row for row in rows if not row[0].startswith("---")]
    assert len({len(row) for row in [header, *rows]}) == 1
    assert header[3:] == ["Noisy", "NLM", "mine", "Clipped noise"]
    assert rows[0][:6] == ["**15**", "paper PSNR", "17.26", "24.61", "29.67", ""]
    measured = json.loads((tmp_path / "results" / "table1.json").read_text())["methods"]
    assert rows[1][3] == f"{measured['noisy']['15.0']['psnr_unclipped']:.2f}"
    assert rows[1][6] == f"{measured['noisy']['15.0']['psnr']:.2f}"
    seconds = np.mean([row["seconds"] for row in measured["nlm"].values()])
    assert f"| NLM | 15 | {seconds:.2f} | " in times
    for picture in ("visual", "training"):
        png = (tmp_path / "results" / f"table1_{picture}.png").read_bytes()
        assert png.startswith(b"\x89PNG")
    noisy, denoised = (
        cv2.imread(str(tmp_path / "results" / f"table1_{which}.png"), cv2.IMREAD_GRAYSCALE)
        for which in ("noisy", "denoised")
    )
    image = _images("bsd68/a")[0]
    expected, _ = noisy_image(image, 15.0, seed=0)
    np.testing.assert_array_equal(noisy, np.round(255 * np.clip(expected[..., 0], 0, 1)))
    assert denoised.shape == noisy.shape and (denoised != noisy).any()
    assert (tmp_path / "results" / "table1" / "bsd80" / "nlm_seed0.json").exists()
    assert not (tmp_path / "results" / "table1" / "bsd80" / "mine_seed0.json").exists()


def test_a_sigma_that_the_paper_does_not_print_is_named_too(file, tmp_path, monkeypatch):
    monkeypatch.setattr(module.datasets, "load_images", lambda *_: _images("bsd68/a"))
    assert main(["run", str(file), "--set", "sigmas=[15, 35]", "--set", "classical=false"]) == 0
    table = (tmp_path / "results/table1_networks.md").read_text().partition("\n# Table 3")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:3]] for line in table.splitlines()[6:]]
    assert rows == [
        ["**15**", "paper PSNR"],
        ["", "ours PSNR"],
        ["", "paper SSIM"],
        ["", "ours SSIM"],
        ["**35**", "ours PSNR"],
        ["", "ours SSIM"],
    ]


def test_an_unknown_image_is_refused_before_anything_is_measured(
    file, tmp_path, monkeypatch, capsys
):
    names = ["bsd68/a", "bsd68/b", "bsd68/c", "set12/d"]
    monkeypatch.setattr(module.datasets, "load_images", lambda *_: _images(*names))
    monkeypatch.setattr(module, "evaluate", lambda *_: 1 / 0)
    assert main(["run", str(file), "--set", "visual.image=bsd68/e"]) == 2
    assert capsys.readouterr().err.endswith(
        "error: visual.image: bsd80 has no image 'bsd68/e', but 'bsd68/a', 'bsd68/b', 'bsd68/c' "
        "and others\n"
    )


def test_the_image_that_is_asked_for_is_shown_and_another_where_it_cannot_be():
    images = _images("a", "b")
    for dataset, visual, name in (
        ("bsd80", Visual(image="b"), "b"),
        ("bsd68", Visual(), "a"),  # which lacks the default, an image of bsd80
        ("sample", Visual(image="c"), "a"),
    ):
        assert pictures.choose_image(visual, dataset, images).name == name


def test_the_kept_results_of_the_project_are_those_of_the_methods_as_they_are():
    slow = [method for method in methods.classical_methods("honest") if method.slow]
    assert [method.name for method in slow] == ["nlm", "ksvd", "bm3d"]
    for method in slow:
        kept = ROOT / f"results/table1/bsd80/{method.name}_seed0.json"
        results = module.ResultsFile(kept, {"seed": 0, **method.made_with})
        assert all(results.get(sigma, "bsd68/test001") for sigma in (15, 25, 50))


def test_without_data_it_falls_back_loudly_and_leaves_the_results_alone(
    file, tmp_path, monkeypatch, capsys
):
    def load(name, split):
        if name == "bsd80":
            raise datasets.DataUnavailableError("no network\nno folder")
        return _images("camera")

    monkeypatch.setattr(module.datasets, "load_images", load)
    assert main(["run", str(file)]) == 0
    captured = capsys.readouterr()
    assert "!!  no folder" in captured.err and "NOT those of the paper's set" in captured.err
    assert "Not the paper's images" in captured.out and "paper PSNR" not in captured.out
    assert not (tmp_path / "results" / "table1.md").exists()
    assert (tmp_path / "runs" / "table1.md").exists()


def test_the_paper_s_protocol_overstates_the_networks_ssim_only(file, monkeypatch, tmp_path):
    monkeypatch.setattr(module.datasets, "load_images", lambda *_: _images("bsd68/a"))
    row = {"psnr": 30.0, "psnr_unclipped": 29.0, "ssim": 0.8, "ssim_range_2": 0.9}

    network = methods.Method("mine", "Mine", None, {"weights_sha256": "0"})
    assert module._shown(network, row, "honest") == (30.0, 0.8)
    assert module._shown(network, row, "paper") == (30.0, 0.9)
    assert module._shown(methods.Method("nlm", "NLM", None, {}), row, "paper") == (30.0, 0.8)
    assert module._shown(methods.Method("noisy", "Noisy", None, {}), row, "paper") == (29.0, 0.8)


def test_the_networks_alone_leave_the_whole_table_as_it_is(file, monkeypatch, tmp_path):
    monkeypatch.setattr(module.datasets, "load_images", lambda *_: _images("bsd68/a"))
    assert main(["run", str(file), "--set", "classical=false"]) == 0
    written = {path.name for path in (tmp_path / "results").iterdir()}
    assert written == {f"table1_networks{end}" for end in (".md", ".json", "_psnr.png")}
    summary = json.loads((tmp_path / "results" / "table1_networks.json").read_text())
    assert list(summary["methods"]) == ["noisy", "mine"]


@pytest.fixture
def slow(file, monkeypatch):
    """A slow method, which can be made to return something else than before."""
    monkeypatch.setattr(module.datasets, "load_images", lambda *_: _images("bsd68/a", "bsd68/b"))
    identity = methods.Identity()
    method = methods.Method("slow", "Slow", lambda sigma: identity, {}, slow=True)
    noisy = methods.Method("noisy", "Noisy", lambda sigma: methods.Identity(), {})
    monkeypatch.setattr(module, "classical_methods", lambda protocol: [noisy, method])

    def change():
        denoise = identity.denoise_image
        identity.denoise_image = lambda noisy, sigma: 0.5 * denoise(noisy, sigma)

    return change


def _psnr_of_slow(tmp_path):
    return json.loads((tmp_path / "results/table1.json").read_text())["methods"]["slow"]


def test_slow_results_are_kept_until_they_are_measured_anew(file, slow, tmp_path, monkeypatch):
    assert main(["run", str(file)]) == 0
    kept = tmp_path / "results/table1/bsd80"
    files = ["slow_bsd68-a_sigma15_seed0.png", "slow_seed0.json"]
    assert sorted(path.name for path in kept.iterdir()) == files
    picture_file = kept / files[0]
    first, picture = _psnr_of_slow(tmp_path), picture_file.read_bytes()
    slow()
    assert main(["run", str(file)]) == 0
    assert _psnr_of_slow(tmp_path) == first and picture_file.read_bytes() == picture
    # Of another image or sigma nothing is kept.
    assert main(["run", str(file), "--set", "visual.sigma=50"]) == 0
    assert (kept / "slow_bsd68-a_sigma50_seed0.png").read_bytes() != picture

    def stop(self, *arguments):
        put(self, *arguments)
        raise KeyboardInterrupt

    put = module.ResultsFile.put
    again = ["run", str(file), "--set", "recompute=true"]
    with monkeypatch.context() as context:
        context.setattr(module.ResultsFile, "put", stop)
        assert main(again) == 130
    assert json.loads((kept / "slow_seed0.json").read_text())["results"].keys() == {"15", "50"}
    assert len(json.loads((kept / "slow_seed0.new.json").read_text())["results"]["15"]) == 1
    # What is kept of sigmas that are not asked for stays.
    assert main([*again, "--set", "sigmas=[15]"]) == 0
    assert not (kept / "slow_seed0.new.json").exists()
    assert _psnr_of_slow(tmp_path)["15.0"]["psnr"] < first["15.0"]["psnr"] - 1
    assert main(["run", str(file)]) == 0
    assert _psnr_of_slow(tmp_path)["50.0"] == first["50.0"]
    assert picture_file.read_bytes() != picture


def test_a_damaged_kept_picture_is_named(file, slow, tmp_path, capsys):
    assert main(["run", str(file)]) == 0
    picture = tmp_path / "results/table1/bsd80/slow_bsd68-a_sigma15_seed0.png"
    picture.write_bytes(picture.read_bytes()[:100])
    capsys.readouterr()
    assert main(["run", str(file)]) == 2
    assert f"error: {picture.relative_to(tmp_path)}: " in capsys.readouterr().err


def test_the_paper_s_column_stands_beside_what_is_trained_as_it_was(tmp_path):
    for name, column in (
        ("dncnn-blind", "dncnn-blind"),
        ("dncnn-blind-paper", "dncnn-blind"),
        ("dncnn-blind-meta", "dncnn-blind-meta"),
        ("mine", "mine"),
    ):
        weights = save_pretrained(DnCNN(depth=2, filters=1), name, tmp_path, {})
        method = methods.pretrained_method(str(weights))
        assert method.published == column
        (psnr,) = module._published_cells(range(6), [method]).split("|")[:1]
        assert psnr.strip() == {"dncnn-blind": "4.00", "dncnn-blind-meta": "5.00"}.get(column, "")


def test_a_damaged_description_and_a_stray_file_of_the_authors_are_named(tmp_path, monkeypatch):
    model = DnCNN(depth=2, filters=1)
    weights = save_pretrained(model, "mine", tmp_path, {"validation_curve": [[1, 2.0]]})
    with pytest.raises(ValueError, match=r"mine\.json: damaged: 'validation_curve' is not as it"):
        methods.pretrained_method(str(weights))
    (tmp_path / "official_dncnn").mkdir()
    (tmp_path / "official_dncnn/sigma=25 (1).mat").touch()
    monkeypatch.setenv("DENOISE_DATA", str(tmp_path))
    with pytest.raises(ValueError, match=r"sigma=25 \(1\)\.mat: must be called sigma=NUMBER"):
        methods.official_methods()


def test_two_tables_are_not_made_at_once(file, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(module.datasets, "load_images", lambda *_: _images("bsd68/a"))
    with alone(tmp_path / "runs/table1"):
        assert main(["run", str(file)]) == 2
    assert "error: runs/table1: another process is at work" in capsys.readouterr().err


def test_networks_are_measured_anew_on_another_machine(file, tmp_path, monkeypatch):
    monkeypatch.setattr(module.datasets, "load_images", lambda *_: _images("bsd68/a"))
    assert main(["run", str(file)]) == 0
    kept = tmp_path / "runs/table1/bsd80/mine_seed0.json"
    before = json.loads(kept.read_text())["made_with"]
    here = module.provenance()
    monkeypatch.setattr(module, "provenance", lambda: {**here, "processor": "another"})
    monkeypatch.setattr(module, "evaluate", lambda *_: 1 / 0)  # it is called, so not kept
    assert main(["run", str(file)]) == 2
    assert before["processor"] == here["processor"] and before["devices"]


def test_two_models_of_one_name_are_refused(file, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(module.datasets, "load_images", lambda *_: _images("bsd68/a"))
    weights = tmp_path / "mine.weights.h5"
    assert main(["run", str(file), "--set", f"models=[{weights}, {weights}]"]) == 2
    assert "models: two are called mine" in capsys.readouterr().err


def test_results_of_another_name_leave_the_table_as_it_is(file, tmp_path, monkeypatch):
    monkeypatch.setattr(module.datasets, "load_images", lambda *_: _images("bsd68/a"))
    assert main(["run", str(file), "--set", "name=other"]) == 0
    assert (tmp_path / "results/other.md").is_file()
    assert not (tmp_path / "results/table1.md").exists()


def test_a_missing_package_leaves_a_gap_and_a_note(file, tmp_path, monkeypatch, capsys):
    def fail(sigma):
        raise ImportError("BM3D: the optional package is missing")

    bm3d = module.classical_methods("paper")[:1] + [methods.Method("bm3d", "BM3D", fail, {})]
    monkeypatch.setattr(module, "classical_methods", lambda protocol: bm3d)
    monkeypatch.setattr(module.datasets, "load_images", lambda *_: _images("bsd68/a"))
    assert main(["run", str(file)]) == 0
    captured = capsys.readouterr()
    assert "sigma 50 is left out: BM3D: the optional package is missing" in captured.err
    ours = next(line for line in captured.out.splitlines() if "ours PSNR" in line)
    assert [cell.strip() for cell in ours.split("|")][5] == ""
    assert (tmp_path / "results" / "table1_psnr.png").exists()


def test_an_unknown_model_is_left_out_with_a_note(file, monkeypatch, capsys):
    monkeypatch.setattr(module.datasets, "load_images", lambda *_: _images("bsd68/a"))
    assert main(["run", str(file), "--set", "models=[dncnn-nonesuch]"]) == 0
    assert "dncnn-nonesuch is not released yet" in capsys.readouterr().err


def test_published_psnr_falls_with_sigma_and_ssim_is_there_for_each():
    values = np.array([TABLE1_PSNR[sigma] for sigma in sorted(TABLE1_PSNR)])
    assert values.shape == (12, 6)
    assert (np.diff(values, axis=0) < 0).all()
    assert {sigma: len(row) for sigma, row in TABLE1_SSIM.items()} == dict.fromkeys(TABLE1_PSNR, 6)


def test_networks_are_measured_anew_by_a_changed_program(file, monkeypatch, tmp_path):
    monkeypatch.setattr(module.datasets, "load_images", lambda *_: _images("bsd68/a"))
    measured = []
    evaluate = module.evaluate

    def counted(make, images, sigma, seed, results, title, *others):
        if results.get(sigma, "bsd68/a") is None:
            measured.append((title, sigma))
        return evaluate(make, images, sigma, seed, results, title, *others)

    monkeypatch.setattr(module, "evaluate", counted)
    for program, titles in (
        ("1", {"Noisy", "NLM", "mine"}),
        ("1", set()),
        ("2", {"Noisy", "mine"}),
    ):
        monkeypatch.setattr(module, "hash_of_program", lambda program=program: program)
        assert main(["run", str(file)]) == 0
        assert {title for title, _ in measured} == titles
        measured.clear()


def test_a_table_of_nothing_is_refused(file, monkeypatch, capsys):
    monkeypatch.setattr(module.datasets, "load_images", lambda *_: _images("bsd68/a"))
    assert main(["run", str(file), "--set", "sigmas=[]"]) == 2
    assert "sigmas" in capsys.readouterr().err
    monkeypatch.setattr(module, "official_methods", list)
    alone = ["--set", "classical=false", "--set", "models=[mistake]"]
    assert main(["run", str(file), *alone]) == 2
    assert "models: none of mistake is there" in capsys.readouterr().err
