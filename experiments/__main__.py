"""The runner: `python -m experiments run FILE [--set key=value ...]`."""

import argparse
import sys

from dncnn_keras.paths import RUNS
from experiments.memory import keep_freed_memory


def main(argv=None):
    """Runs an experiment; returns the shell's exit code."""
    parser = argparse.ArgumentParser(prog="python -m experiments", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run an experiment file, or go on with a stopped run")
    run.add_argument("file", help="experiment file (YAML)")
    run.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="replace a value of the file, e.g. --set training.steps=1000; may be repeated",
    )
    arguments = parser.parse_args(argv)
    from experiments.schema import read_experiment

    try:
        experiment = read_experiment(arguments.file, arguments.overrides)
        from dncnn_keras.quiet import import_tensorflow

        keep_freed_memory()
        import_tensorflow()
        return _run(experiment)
    except (ValueError, RuntimeError, OSError, ArithmeticError, ImportError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from the last checkpoint", file=sys.stderr)
        return 130


def _run(experiment):
    match experiment.kind:
        case "train-dncnn":
            from experiments.train_dncnn import train_dncnn

            folder = RUNS / experiment.name
            train_dncnn(experiment, folder)
            print(f"done: {folder}/{experiment.name}.weights.h5")
        case "meta-train":
            from experiments.meta_train import meta_train

            print(f"done: {meta_train(experiment, RUNS / experiment.name)}")
        case "compare-optimizers":
            from experiments.compare_optimizers import compare_optimizers

            print(f"written: {compare_optimizers(experiment)}")
        case "race-dncnn":
            from experiments.race_dncnn import race_dncnn

            print(f"written: {race_dncnn(experiment)}")
        case "table1":
            from experiments.table1 import table1

            print(f"written: {table1(experiment)}")
        case "check-harness":
            from experiments.check_harness import check_harness

            return 0 if check_harness(experiment) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
