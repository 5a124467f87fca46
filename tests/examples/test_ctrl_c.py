import runpy
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_ctrl_c_is_one_line_and_exit_code_130(example, monkeypatch, capsys):
    def stop(*arguments):
        raise KeyboardInterrupt

    for loader in ("digits.load_digits", "load_pairs"):  # with one of which each begins
        monkeypatch.setattr(f"dncnn_keras.datasets.{loader}", stop)
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(example), run_name="__main__")
    assert ended.value.code == 130
    assert capsys.readouterr() == ("", "\nstopped\n")
