import json

import pytest

from experiments import curves

TASKS = [f"task_{number}" for number in (3, 1, 4, 0, 5, 9, 2, 6)]


def test_trainings_are_drawn_over_steps_and_over_minutes(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(curves, "save_figure", lambda figure, file: drawn.append(figure))
    points = [[100, 60.0, 27.0], [200, 150.0, 28.0]]
    curves.training_curves([("one", points), ("other", points[:1])], tmp_path / "training.png")
    (figure,) = drawn
    steps, minutes = figure.axes
    assert steps.lines[0].get_xydata().tolist() == [[100, 27], [200, 28]]
    assert minutes.lines[0].get_xydata().tolist() == [[1, 27], [2.5, 28]]
    assert [line.get_label() for line in steps.lines] == ["one", "other"]
    curves.plt.close(figure)


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
