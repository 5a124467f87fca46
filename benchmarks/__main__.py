"""Runs every benchmark and prints one table: `make bench`, with PyTorch beside it `TORCH=1`."""

import sys

from tqdm import tqdm

from dncnn_keras.quiet import import_tensorflow


def main():
    """Prints the machine and, line by line, what each benchmark measures."""
    import_tensorflow()
    from benchmarks import (
        adaptation,
        inference,
        learned_optimizer,
        memory,
        meta_training,
        pipeline,
        training,
    )
    from experiments.provenance import provenance

    made_by = provenance()
    versions = ", ".join(f"{name} {version}" for name, version in made_by["versions"].items())
    print(f"{made_by['processor']}, {made_by['cores']} cores, GPUs: {made_by['gpus'] or 'none'}")
    print(f"{versions}; {made_by['date']}, revision {made_by['revision']}")
    benchmarks = (
        training,
        inference,
        pipeline,
        learned_optimizer,
        meta_training,
        adaptation,
        memory,
    )
    for benchmark in tqdm(benchmarks, "benchmarks", unit="part", leave=False, disable=None):
        tqdm.write(f"\n{benchmark.__doc__.splitlines()[0]}")
        for line in benchmark.measure():
            tqdm.write(f"  {line}")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
