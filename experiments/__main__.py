"""The runner: `python -m experiments run FILE [--set key=value ...]`, and `... report`."""

import argparse
import contextlib
import errno
import os
import sys
from pathlib import Path

from dncnn_keras.one_line import one_line
from dncnn_keras.paths import RESULTS, RUNS
from experiments.memory import keep_freed_memory

EPILOG = """\
examples:
  python -m experiments run experiments/table1.yaml
  python -m experiments run experiments/dncnn_blind_first.yaml --set name=mine --set seed=1
  python -m experiments report

On a terminal a bar shows how far a run is and how long it will take; elsewhere it is quiet. Ctrl-C
ends it, and says how to go on.

exit code: 0 when all is done, 1 when check-harness finds other figures than the
published ones, 2 for a wrong call or an error, 130 when stopped by Ctrl-C.
"""


def main(argv=None):
    """Runs an experiment, or writes the report; returns the shell's exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments",
        description="Runs what an experiment file describes, and makes the report of all results.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser(
        "run",
        help="run an experiment file, or go on with a stopped run",
        description="Runs an experiment file, or goes on with a run of that name that was stopped. "
        "Runs are kept in\nruns/NAME/, what is measured in results/. The keys of a file are "
        "explained under its kind in the API\nreference (make docs) and in\n"
        f"  {Path(__file__).with_name('schema*.py')}",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    run.add_argument("file", metavar="FILE", help="experiment file (YAML), e.g. of experiments/")
    run.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="replace a value of the file, e.g. --set training.steps=1000; may be repeated",
    )
    run.add_argument(
        "--verbose",
        action="store_true",
        help="tell more: every epoch of a training, every optimizer that is tried",
    )
    commands.add_parser(
        "report",
        help="write results/report.html and .md of all that is measured",
        description="Writes results/report.html and results/report.md: every table and figure of "
        "results/ beside the papers'.",
    )
    arguments = parser.parse_args(argv)
    experiment = None
    try:
        from experiments.read_experiment import read_experiment

        if arguments.command == "run":
            experiment = read_experiment(arguments.file, arguments.overrides)
        from dncnn_keras.quiet import import_tensorflow

        keep_freed_memory()
        import_tensorflow()
        from experiments import progress, provenance

        # As they are now, not when the run ends.
        provenance.git_revision()
        provenance.hash_of_program()
        progress.verbose = experiment is not None and arguments.verbose
        with _named_exhaustion():
            return _report() if experiment is None else _run(experiment)
    except (ValueError, RuntimeError, OSError, ArithmeticError, ImportError, MemoryError) as error:
        if isinstance(error, OSError) and error.filename:
            error = f"{error.filename}: {error.strerror}"
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from what is kept", file=sys.stderr)
        return 130


@contextlib.contextmanager
def _named_exhaustion():
    """Names what TensorFlow calls exhausted: the disk, to which TensorBoard writes, or memory."""
    import tensorflow as tf

    try:
        yield
    except tf.errors.ResourceExhaustedError as error:  # also where there is no memory left
        reason = os.strerror(errno.ENOSPC)
        file, full, _ = error.message.partition(f"; {reason}")
        if not full:
            what = one_line(error.message.partition("\n")[0])
            raise MemoryError(
                f"too little memory: {what}; make batches or images smaller"
            ) from error
        raise OSError(errno.ENOSPC, reason, file.rpartition(" ")[2]) from error


def _run(experiment):
    match experiment.kind:
        case "train-dncnn":
            from experiments.train_dncnn import train_dncnn

            folder = RUNS / experiment.name
            train_dncnn(experiment, folder)
            print(f"done: {folder}/{experiment.name}.weights.h5")
        case "train-real":
            from experiments.train_real import train_real

            folder = RUNS / experiment.name
            train_real(experiment, folder)
            print(f"done: {folder}/{experiment.name}.weights.h5")
        case "scale-residual":
            from experiments.scale_residual import choose_residual_scale

            print(f"done: {choose_residual_scale(experiment, RUNS / experiment.name)}")
        case "real-table":
            from experiments.real_table import real_table

            print(f"written: {real_table(experiment)}")
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


def _report():
    from experiments.report import report

    print(f"written: {report(RESULTS)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
