"""Strikes running experiments at random moments and starts them again: `make chaos`."""

import argparse
import subprocess
import sys

from tqdm import tqdm

from dncnn_keras.quiet import import_tensorflow


def main(argv=None):
    """Prints how many disasters were survived; returns the shell's exit code."""
    import_tensorflow()
    from tests.chaos.kinds import KINDS
    from tests.chaos.survival import survive

    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="how many, of each kind")
    parser.add_argument("--kind", choices=KINDS, help="only this kind")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    arguments = parser.parse_args(argv)

    _print("", "kills", "while writing", "survived", "lost")
    problems = []
    for name in [arguments.kind] if arguments.kind else KINDS:
        try:
            with tqdm(None, name, arguments.kills, False, unit="kill", disable=None) as bar:
                outcome = survive(KINDS[name](), arguments.kills, arguments.seed, bar.update)
        except subprocess.CalledProcessError as error:
            print(f"{name:20}left out: {error.stderr.decode().strip()}")
            continue
        survived = outcome.kills - outcome.lost
        _print(name, outcome.kills, outcome.cut, survived, outcome.lost)
        problems += [f"{name}: {problem}" for problem in outcome.problems]
    for problem in problems:
        print(f"\n{problem}")
    return 1 if problems else 0


def _print(kind, *figures):
    print(f"{kind:20}" + "".join(f"{each:>15}" for each in figures), flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\nstopped; the same command begins again", file=sys.stderr)
        sys.exit(130)
