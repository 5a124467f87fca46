"""That the benchmarks, which are too slow for tests, can be imported."""

import importlib

import pytest

from benchmarks.__main__ import PARTS, main


@pytest.mark.parametrize("part", PARTS)
def test_every_part_finds_what_it_measures(part):
    module = importlib.import_module(f"benchmarks.{part}")
    assert callable(module.measure) and module.__doc__


def test_an_unknown_part_is_refused(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["denoising"])
    assert "there is no part 'denoising'" in capsys.readouterr().err
