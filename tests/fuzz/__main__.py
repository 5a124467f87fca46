"""Gives the program bad input in bulk: `make fuzz`."""

import argparse
import os
import sys
from collections import Counter

from tqdm import tqdm

from dncnn_keras.quiet import import_tensorflow
from tests.fuzz.isolated import run_isolated

OUTCOMES = ("refused", "accepted", "failed")
SHOWN_FAILURES = 5


def main(argv=None):
    """Tries the inputs and prints what was tried; returns the shell's exit code."""
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    import_tensorflow()
    from tests.fuzz.kinds import KINDS

    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=10_000, help="how many, of all kinds")
    parser.add_argument("--kind", choices=KINDS, help="only this kind")
    parser.add_argument("--seed", type=int, help="only this input of the kind")
    arguments = parser.parse_args(argv)
    kinds = [arguments.kind] if arguments.kind else list(KINDS)
    seeds = range(-(-arguments.inputs // len(kinds)))
    if arguments.seed is not None:
        seeds = [arguments.seed]

    _print("", "what is bad", *OUTCOMES, "tried")
    total, failures = Counter(), []
    for kind in kinds:
        trials = run_isolated(kind, seeds)
        trials = list(tqdm(trials, kind, len(seeds), leave=False, unit="input", disable=None))
        for what in sorted({trial.what for trial in trials}):
            _count(kind, what, Counter(trial.outcome for trial in trials if trial.what == what))
        counts = Counter(trial.outcome for trial in trials)
        _count(kind, "(all)", counts)
        total += counts
        failures += [(kind, trial) for trial in trials if trial.outcome == "failed"]
    _count("(all)", "", total)
    for kind, trial in failures[:SHOWN_FAILURES]:
        print(f"\n{kind}, {trial.what}: python -m tests.fuzz --kind {kind} --seed {trial.seed}")
        print(trial.trace)
    return 1 if failures else 0


def _count(kind, what, counts):
    _print(kind, what, *(counts[outcome] for outcome in OUTCOMES), counts.total())


def _print(kind, what, *figures):
    print(f"{kind:12} {what:36}" + "".join(f"{each:>10}" for each in figures), flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\nstopped; the same command begins again", file=sys.stderr)
        sys.exit(130)
