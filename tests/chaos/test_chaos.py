"""A small sample of `make chaos`, and that it notices what it is there to notice."""

import itertools
import sys

import pytest

from tests.chaos.interrupt import Interrupt
from tests.chaos.kind import Kind
from tests.chaos.survival import Outcome, survive
from tests.chaos.training import EXPERIMENT, Training

# Counts to 40, and keeps how far it has come; what it must do is left open.
COUNT = """
import os, pathlib, time
count, starts = pathlib.Path("runs/count"), pathlib.Path("starts")
count.parent.mkdir(exist_ok=True)
starts.write_text((starts.read_text() if starts.exists() else "") + "x")
number = {start}
while number < 40:
    time.sleep(0.01)
    number += 1
    new = pathlib.Path("runs/.count.new")
    new.write_text(str(number))
    time.sleep(0.05)
    os.replace(new, count)
pathlib.Path("result").write_text({result})
"""
KEPT = "int(count.read_text()) if count.exists() else 0"


class Counting(Kind):
    name = "counting"
    experiment = ""
    units = 40

    def __init__(self, start=KEPT, result="str(number)"):
        self.command = (sys.executable, "-c", COUNT.format(start=start, result=result))

    def progress(self, folder):
        count = folder / "runs/count"
        return int(count.read_text()) if count.exists() else 0

    def results(self, folder):
        return (folder / "result").read_text()


def test_what_goes_on_where_it_was_survives():
    outcome = survive(Counting(), 5, seed=0)
    assert (outcome.kills, outcome.lost, outcome.problems) == (5, 0, ())
    assert 1 <= outcome.cut <= 5


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        (Counting(start="0"), "fell back behind"),
        (Counting(result="starts.read_text()"), "ends with other results"),
        (Counting(start=f"({KEPT}) + 0 // (len(starts.read_text()) < 3)"), "exit code 1"),
    ],
)
def test_what_does_not_is_lost(kind, problem):
    outcome = survive(kind, 4, seed=0)
    assert outcome.kills >= 4 and outcome.lost >= 1
    assert any(problem in each for each in outcome.problems)


def test_what_fails_undisturbed_is_lost():
    assert survive(Counting(start="1 // 0"), 3, seed=0)[:3] == (0, 0, 3)


class Sample(Training):
    experiment = EXPERIMENT.replace("steps: 300", "steps: 100")
    units = 20
    at_start = False

    def __init__(self):
        self._strikes = itertools.cycle([Interrupt.strike, Training.strike])

    def strike(self, *arguments):
        next(self._strikes)(self, *arguments)


def test_a_training_survives_ctrl_c_and_a_kill():
    assert survive(Sample(), 2, seed=0)._replace(cut=0) == Outcome(kills=2)
