"""Runs the benchmarks and prints one table: `make bench`, with PyTorch beside it `TORCH=1`.

`PART="adaptation memory"` runs some of them alone.
"""

import argparse
import importlib
import sys

from tqdm import tqdm

from dncnn_keras.quiet import import_tensorflow

PARTS = (
    "training",
    "inference",
    "pipeline",
    "learned_optimizer",
    "meta_training",
    "adaptation",
    "memory",
)


def main(arguments=None):
    """Prints the machine and, line by line, what each benchmark measures.

    Args:
        arguments: Names of the benchmarks, by default the command line's; without any, all.

    Returns:
        Exit code.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("part", nargs="*", metavar="PART", help=f"some of: {', '.join(PARTS)}")
    chosen = parser.parse_args(arguments).part or PARTS
    unknown = [name for name in chosen if name not in PARTS]
    if unknown:
        parser.error(f"there is no part {unknown[0]!r}; choose from {', '.join(PARTS)}")
    import_tensorflow()
    from experiments.provenance import provenance

    made_by = provenance()
    versions = ", ".join(f"{name} {version}" for name, version in made_by["versions"].items())
    print(f"{made_by['processor']}, {made_by['cores']} cores, GPUs: {made_by['gpus'] or 'none'}")
    print(f"{versions}; {made_by['date']}, revision {made_by['revision']}")
    benchmarks = [importlib.import_module(f"benchmarks.{name}") for name in chosen]
    for benchmark in tqdm(benchmarks, "benchmarks", unit="part", leave=False, disable=None):
        tqdm.write(f"\n{benchmark.__doc__.splitlines()[0]}")
        for line in benchmark.measure():
            tqdm.write(f"  {line}")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print(
            "\nstopped; the same command begins again (PART=NAME measures one part)",
            file=sys.stderr,
        )
        sys.exit(130)
