import itertools
import json

import numpy as np
import pytest

from dncnn_keras import datasets, metrics
from dncnn_keras.images import to_float
from experiments import real_rows, real_table
from experiments.__main__ import main
from experiments.read_experiment import ExperimentError, read_experiment
from meta_aux import MaskNetwork, MultiTask, RealDenoiser
from meta_aux.pretrained import save_pretrained
from meta_aux.self_supervision import Restored
from tests.experiments.disturbances import killed_after_an_epoch

TABLE = """
kind: real-table
name: t
validation: polyu
steps: 1
seconds: 5
stages:
  - name: first
    data: {dataset: bsds500, noise: synthetic, patch_size: 16}
    method: {name: maxl, mask: false}
    batch_size: 1
    epoch: 1
  - name: second
    data: {dataset: polyu, noise: real, patch_size: 16}
    method: {name: mtl, steps: 1, learning_rate: 0.1}
    batch_size: 1
    epoch: 1
  - name: plain
    data: {dataset: polyu, noise: real, patch_size: 16}
    method: {name: plain}
    batch_size: 1
    epoch: 1
rows:
  - {title: both, stages: {first: 0.4, second: 0.6}}
  - {title: again, stages: {first: 0.4, second: 0.6}}
  - {title: RIDNet, network: RIDNet, stages: {plain: 1}}
"""
SHARED = "runs/real-table/sample/t/multitask-first-2s"


def small_pairs(name, split, data_dir=None, unreadable="fail"):
    """Stands for `datasets.load_pairs` where there are no data."""
    if name != "sample":
        raise datasets.DataUnavailableError(f"{name} is missing")
    generator = np.random.default_rng(0)
    pairs = []
    for number in range(2 if split == "test" else 1):
        clean = generator.integers(64, 192, (1, 1, 3)) + np.zeros((18, 20, 1), int)
        noisy = clean + generator.normal(0, 5, clean.shape)
        pictures = (picture.round().astype(np.uint8) for picture in (noisy, clean))
        pairs.append(datasets.NamedPair(f"{split} {number}", split, *pictures))
    return pairs


@pytest.fixture
def folder(small_real_networks, monkeypatch):
    """A folder with a table's file, in which as many updates take as many seconds."""
    (small_real_networks / "table.yaml").write_text(TABLE)
    monkeypatch.setattr(datasets, "load_pairs", small_pairs)
    monkeypatch.setattr(real_rows, "updates_within", lambda training, seconds: seconds)
    return small_real_networks


def summary(folder):
    return json.loads((folder / "runs/t.json").read_text())


def test_rows_are_trained_for_the_same_time_and_measured(folder, monkeypatch, capsys):
    trained = []

    def updates_within(training, seconds):
        trained.append(training.name)
        return seconds

    monkeypatch.setattr(real_rows, "updates_within", updates_within)
    assert main(["run", "table.yaml"]) == 0
    assert "no figure below can be" in capsys.readouterr().err  # on the embedded photographs
    first, second, rival = trained  # what rows share is trained once
    assert (second, rival) == (f"{first}-second-3s", "ridnet-plain-5s")
    rows = {row["title"]: row for row in summary(folder)["methods"]}
    names = [(stage["name"], stage["updates"]) for stage in rows["both"]["trained"]]
    assert names == [("first", 2), ("second", 3)]
    assert [stage["updates"] for stage in rows["RIDNet"]["trained"]] == [5]
    assert rows["both"]["test"] == rows["again"]["test"]
    for split, count in {"validation": 1, "test": 2}.items():
        measured = rows["both"][split]
        kinds = [measured[when] for when in ("before", "auxiliary", "restored")]
        assert [len(each) for each in kinds] == [count] * 3
        assert all(a != b for a, b in itertools.combinations(kinds, 2))
        assert rows["RIDNet"][split].keys() == {"before", "seconds"}
    text = (folder / "runs/t.md").read_text()
    psnr, ssim = np.mean(rows["RIDNet"]["test"]["before"], axis=0)
    assert f"| {psnr:.2f} / {ssim:.4f} |  |  |  |  |" in text
    assert "| first 2, second 3 |" in text
    masks = (folder / f"{SHARED}-second-3s").glob("mask-*.png")
    assert sorted(file.name for file in masks) == [f"mask-{updates}.png" for updates in range(4)]
    assert (folder / "runs/t_masks.png").is_file()
    second = json.loads((folder / f"{SHARED}-second-3s/settings.json").read_text())
    assert second["start"] == f"{SHARED}/multitask-first-2s.weights.h5"


def test_a_stopped_table_goes_on_with_the_updates_that_were_counted(folder, monkeypatch, capsys):
    table = TABLE.partition("  - {title: again")[0]
    (folder / "table.yaml").write_text(table)
    with killed_after_an_epoch():
        assert main(["run", "table.yaml"]) == 2
    # On a machine that is slower now the run is the same nevertheless.
    monkeypatch.setattr(real_rows, "updates_within", lambda training, seconds: 1)
    assert main(["run", "table.yaml"]) == 0
    assert "going on after 1 of 2 steps" in capsys.readouterr().out
    assert [stage["updates"] for stage in summary(folder)["methods"][-1]["trained"]] == [2, 1]

    with monkeypatch.context() as patch:  # everything is kept
        patch.setattr(real_rows, "train_real", None)
        assert main(["run", "table.yaml"]) == 0
    (folder / SHARED / "multitask-first-2s.json").unlink()  # killed while it wrote its weights
    assert main(["run", "table.yaml"]) == 0
    assert (folder / SHARED / "multitask-first-2s.json").is_file()
    other = table.replace("synthetic, patch_size: 16", "synthetic, patch_size: 24")
    (folder / "table.yaml").write_text(other)
    assert main(["run", "table.yaml"]) == 2
    assert f"{SHARED}: made with another `data.patch_size`; move it" in capsys.readouterr().err


def test_how_networks_adapt_concerns_those_that_do_alone(folder, monkeypatch):
    assert main(["run", "table.yaml"]) == 0
    kept = [*(folder / "runs/real-table/sample").glob("t-*.json")]
    (rival,) = [file for file in kept if "ridnet" in file.name]
    (ours,) = {*kept} - {rival}
    for file in kept:  # what is measured anew loses the mark
        content = json.loads(file.read_text())
        content["provenance"]["0"]["date"] = "long ago"
        file.write_text(json.dumps(content))
    monkeypatch.setattr(Restored, "RATE", 2 * Restored.RATE)
    assert main(["run", "table.yaml"]) == 0
    dates = {file: json.loads(file.read_text())["provenance"]["0"]["date"] for file in kept}
    assert dates[rival] == "long ago" != dates[ours]


def test_two_models_of_one_name_are_refused(folder, capsys):
    model = RealDenoiser(MultiTask((2, 3, 4)), MaskNetwork(2))
    for place in ("a", "b"):
        save_pretrained(model, "tiny", folder / place, {})
    models = "[a/tiny.weights.h5, b/tiny.weights.h5]"
    (folder / "table.yaml").write_text(f"kind: real-table\nname: t\nmodels: {models}\n")
    assert main(["run", "table.yaml"]) == 2
    assert "error: models: two are called tiny" in capsys.readouterr().err


def test_the_table_shows_what_adaptation_of_released_weights_gains(folder, capsys):
    model = RealDenoiser(MultiTask((2, 3, 4)), MaskNetwork(2))
    model.log_rates.assign(0 * model.log_rates)
    save_pretrained(model, "tiny", folder, {})
    (folder / "table.yaml").write_text(
        "kind: real-table\nname: t\nmodels: [tiny.weights.h5]\nsteps: 1\nzoom: [0, 0, 16]\n"
    )
    assert main(["run", "table.yaml"]) == 0
    assert "no figure below can be" in capsys.readouterr().err
    found = summary(folder)
    assert found["experiment"]["dataset"] == "sample"
    by_title = {row["title"]: row["test"] for row in found["methods"]}
    noisy, nlm = (by_title[t]["before"] for t in ("noisy image", "NLM (OpenCV, colour)"))
    assert np.all(np.subtract(nlm, noisy) > 0)
    assert by_title["tiny"]["restored"] != by_title["tiny"]["before"]
    for picture in ("t.png", "t_adaptation.png"):
        assert (folder / "runs" / picture).stat().st_size > 10_000
    text = (folder / "runs/t.md").read_text()
    assert f"| noisy image | {np.mean(noisy, axis=0)[0]:.2f}" in text


def test_models_and_what_is_trained_on_are_checked_before_anything_is_measured(
    folder, monkeypatch, capsys
):
    def load_pairs(name, split, data_dir=None, unreadable="fail"):
        if split == "train":
            raise ValueError("x_real.JPG: damaged")
        return small_pairs("sample", split)

    monkeypatch.setattr(datasets, "load_pairs", load_pairs)
    (folder / "table.yaml").write_text(TABLE.replace("bsds500", "sample"))
    assert main(["run", "table.yaml"]) == 2
    assert "x_real.JPG: damaged" in capsys.readouterr().err
    assert main(["run", "table.yaml", "--set", "models=[missing]"]) == 2
    assert "there are no real-noise weights 'missing'" in capsys.readouterr().err
    assert not (folder / "runs").exists() and not (folder / "results").exists()


def test_the_comparison_shows_trained_rivals(folder, monkeypatch, capsys):
    shown = []
    monkeypatch.setattr(
        real_table, "real_comparison", lambda pair, others, *rest: shown.append((pair, others))
    )
    text = TABLE[: TABLE.index("rows:")] + TABLE[TABLE.index("  - {title: RIDNet") :].replace(
        "  - {title", "rows:\n  - {title"
    )
    (folder / "table.yaml").write_text(text)
    run = ["run", "table.yaml", "--set", "models=[real-mtl]", "--set"]
    assert main([*run, "zoom=[0, 20, 8]"]) == 2
    assert "zoom: begins outside of test 0, which has 18x20 pixels" in capsys.readouterr().err
    assert main([*run, "zoom=[2, 0, 16]"]) == 0
    ((pair, others),) = shown
    (row,) = [row for row in summary(folder)["methods"] if row["title"] == "RIDNet"]
    psnr = metrics.psnr(to_float(pair.clean), others["RIDNet"])
    assert list(others) == ["RIDNet"] and psnr == pytest.approx(
        row["test"]["before"][0][0], abs=1e-3
    )
    for file in ("t_noisy.png", "t_adapted.png"):
        assert (folder / "runs" / file).is_file()


@pytest.mark.parametrize(
    "text", ["", "epoch,loss\n0,1\n", "epoch,seconds\n0,\n", "epoch,seconds\n0\n", "\xe4"]
)
def test_a_damaged_log_is_named(text, tmp_path):
    log = tmp_path / "log.csv"
    log.write_bytes(b"epoch,seconds\n0,1.5\n1,2.25\n")
    assert real_rows._spent(log, 10) == {"updates": 20, "seconds": 3.8}
    log.write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=r"log.csv: damaged; delete the folder that it lies in"):
        real_rows._spent(log, 10)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("second: 0.6", "second: 0.5", "rows.stages: the shares of the stages must add up to 1"),
        ("second: 0.6", "third: 0.6", "rows: both: there is no stage 'third'"),
        ("name: second", "name: first", "two stages have the same name"),
        ("{plain: 1}", "{first: 1}", "RIDNet is not trained by method maxl"),
        ("{plain: 1}", "{plain: 0.5, second: 0.5}", "RIDNet is not trained by method mtl"),
        ("validation: polyu", "validation: null", "rows need a validation"),
        ("steps: 1, learning_rate", "stps: 1, learning_rate", "stages.method.*stps: no such key"),
        ("mask: false", "train_mask: false", "train_mask: false keeps the mask of a start"),
        (
            "method: {name: mtl, steps: 1, learning_rate: 0.1}",
            "method: {name: maxl, train_mask: false}",
            "train_mask: false keeps the mask of a start",
        ),
        ("polyu, noise: real", "polyu, noise: real, split: all", "split is for synthetic noise"),
        ("steps: 1\nsec", "zoom: [-1, 0, 8]\nsec", "zoom: .*greater than or equal to 0"),
        ("steps: 1\nsec", "zoom: [0, 0, 0]\nsec", "zoom: .*greater than 0; got 0"),
    ],
)
def test_a_wrong_table_is_named(folder, old, new, message):
    (folder / "table.yaml").write_text(TABLE.replace(old, new))
    with pytest.raises(ExperimentError, match=message):
        read_experiment("table.yaml")
