import json

import pytest

from experiments import curves
from experiments.methods import Method, TrainingRecord

TASKS = [f"task_{number}" for number in (3, 1, 4, 0, 5, 9, 2, 6)]


def test_trainings_are_drawn_over_steps_and_over_minutes(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(curves, "save_figure", lambda figure, file: drawn.append(figure))
    points = [[100, 60.0, 27.0], [200, 150.0, 28.0]]
    networks = [
        Method(name, name, None, {}, training=TrainingRecord(date=date, **made_by))
        for name, date, made_by in (
            ("one", "2026-11-23T10:00", {"validation_curve": points}),
            ("other", "", {"validation_curve": points[:1], "validation_psnr": {"5": 30, "25": 26}}),
        )
    ]
    curves.training_curves(networks, tmp_path / "training.png")
    (figure,) = drawn
    steps, minutes = figure.axes
    assert steps.lines[0].get_xydata().tolist() == [[100, 27], [200, 28]]
    assert minutes.lines[0].get_xydata().tolist() == [[1, 27], [2.5, 28]]
    labels = [line.get_label() for line in steps.lines]
    assert labels[0].startswith("one, 2026-11-23") and labels[1].endswith("mean of sigma 5, 25")
    curves.plt.close(figure)


@pytest.mark.parametrize(
    "damaged", ["log.csv", "held_out.csv", "trajectories_before.json", "trajectories_best.json"]
)
def test_a_damaged_file_of_a_meta_training_is_named(tmp_path, damaged):
    (tmp_path / "log.csv").write_text("epoch,loss\n0,0.5\n")
    (tmp_path / "held_out.csv").write_text("epoch,task_0,score\n-1,1,1\n")
    for which in ("before", "best"):
        (tmp_path / f"trajectories_{which}.json").write_text(json.dumps({"task_0": [2.0, 1.0]}))
    (tmp_path / damaged).write_text("epoch,loss\nx,y\n")
    with pytest.raises(ValueError, match=f"{damaged}: damaged; delete the folder"):
        curves.meta_training_curves(tmp_path)
    curves.plt.close("all")


@pytest.mark.parametrize("key", ["log_loss", "loss"])
def test_a_meta_training_is_drawn_in_the_order_of_its_files(tmp_path, monkeypatch, key):
    (tmp_path / "log.csv").write_text(f"epoch,dropped,{key}\n0,0,-0.5\n1,0,-0.75\n")
    rows = [[epoch, *range(1, 9), -0.1] for epoch in (-1, 0, 1)]
    lines = [",".join(map(str, row)) for row in [["epoch", *TASKS, "score"], *rows]]
    (tmp_path / "held_out.csv").write_text("\n".join(lines) + "\n")
    for which in ("before", "best"):
        (tmp_path / f"trajectories_{which}.json").write_text(json.dumps({"task_3": [2.0, 1.0]}))
    drawn = []
    monkeypatch.setattr(curves, "save_figure", lambda figure, file: drawn.append((figure, file)))
    curves.meta_training_curves(tmp_path)
    ((figure, file),) = drawn
    left, middle, _ = figure.axes
    assert file == tmp_path / "curves.png"
    assert list(left.lines[0].get_ydata()) == [-0.5, -0.75]
    assert left.get_ylabel() == f"mean {key.replace('_', ' ')} in the windows"
    assert [line.get_label() for line in middle.lines] == TASKS
    curves.plt.close(figure)
