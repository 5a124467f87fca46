"""Makes the API reference of the docstrings: `python -m docs`."""

import importlib
import pkgutil
from pathlib import Path

import pdoc

PACKAGES = ("dncnn_keras", "learned_optim", "meta_aux")
# What the keys of experiment files mean, kind by kind; the rest of their package is a program.
SCHEMAS = ("schema_dncnn", "schema_tasks", "schema_real", "schema")
TARGET = Path("build/docs")


def main():
    """Writes a page for every module, and an index with search."""
    names = []
    for package in map(importlib.import_module, PACKAGES):
        # pdoc does not see what is imported on first use.
        vars(package).update({name: getattr(package, name) for name in package.__all__})
        modules = pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
        names += [package.__name__, *(module.name for module in modules)]
    names += [f"experiments.{name}" for name in SCHEMAS]
    pdoc.render.configure(docformat="google", search=True)
    pdoc.pdoc(*names, output_directory=TARGET)
    print(f"written: {TARGET / 'index.html'}")


if __name__ == "__main__":
    main()
