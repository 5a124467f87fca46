"""A small sample of `make fuzz`, and that it notices what it is there to notice."""

import time
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz import arrays, kind
from tests.fuzz.kind import Kind, check_line
from tests.fuzz.kinds import KINDS


@pytest.mark.parametrize("name", KINDS)
def test_bad_input_is_refused_in_one_line_or_accepted(tmp_path, name):
    trials = list(KINDS[name](tmp_path).run(range(25)))
    assert [trial for trial in trials if trial.outcome == "failed"] == []
    assert {trial.outcome for trial in trials} == {"accepted", "refused"}


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(st.fixed_dictionaries({k: st.sampled_from(v) for k, v in arrays.CHOICES.items()}))
def test_arrays_are_denoised_or_refused_as_documented(choice):
    arrays.check(choice)


def _warn():
    warnings.warn("divided by zero", RuntimeWarning, stacklevel=1)


@pytest.mark.parametrize(
    ("give", "expected"),
    [
        (lambda: {}["x"], "KeyError"),
        (_warn, "RuntimeWarning: divided by zero"),
        (lambda: time.sleep(5), "took longer than 0.1 s"),
        (lambda: check_line("x.png: damaged\n", "x.png"), "AssertionError"),
        (lambda: check_line("damaged", "x.png"), "AssertionError"),
    ],
)
def test_whatever_else_happens_is_a_failure(tmp_path, monkeypatch, give, expected):
    class Bad(Kind):
        name = "bad"

        def make(self, generator):
            return "bad", give

    if "took longer" in expected:
        monkeypatch.setattr(kind, "SECONDS", 0.1)
    (trial,) = Bad(tmp_path).run([7])
    assert (trial.what, trial.outcome, trial.seed) == ("bad", "failed", 7)
    assert expected in trial.trace


def test_an_input_depends_on_its_seed_alone(tmp_path):
    first, second = (list(KINDS["experiments"](tmp_path).run(seeds)) for seeds in ([5, 6], [6]))
    assert first[1] == second[0]
