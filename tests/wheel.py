"""Tries the wheel in `dist/` where there is no checkout: `make dist`."""

import os
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("dncnn_keras", "learned_optim", "meta_aux", "experiments")


def main():
    """Looks for every file, and runs examples and commands; returns the shell's exit code."""
    (wheel,) = (ROOT / "dist").glob("*.whl")
    missing = missing_files(wheel)
    if missing:
        print(f"error: {wheel} lacks {', '.join(missing)}; see setup.cfg", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        venv.create(Path(folder, "venv"), with_pip=True)
        installed = Path(folder, "venv", "bin")
        python, denoise = installed / "python", [installed / "dncnn-keras", "denoise"]
        quiet = [] if sys.stdout.isatty() else ["--quiet"]
        photograph = "runs/adapt_to_photograph/noisy.png"
        for command in (
            [python, "-m", "pip", "install", *quiet, "--disable-pip-version-check", wheel],
            *([python, example] for example in sorted(ROOT.glob("examples/*.py"))),
            [*denoise, photograph, "clean.png"],
            [python, "-m", "experiments", "--help"],
        ):
            print("+", *command, flush=True)
            environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
            code = subprocess.run(command, cwd=folder, env=environment).returncode
            if code:
                print("error: the wheel does not work by itself", file=sys.stderr)
                return code
    print(f"{wheel.relative_to(ROOT)} holds all files, and works by itself")
    return 0


def missing_files(wheel):
    """Names of the packages' files that a wheel lacks, sorted."""
    files = (path for package in PACKAGES for path in (ROOT / package).rglob("*.*"))
    names = {str(path.relative_to(ROOT)) for path in files if "__pycache__" not in path.parts}
    return sorted(names - set(zipfile.ZipFile(wheel).namelist()))


if __name__ == "__main__":
    sys.exit(main())
