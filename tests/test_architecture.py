"""Imports flow one way, and importing a package costs nothing and prints nothing."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from experiments.read_experiment import read_experiment

ROOT = Path(__file__).parent.parent
ALLOWED = {
    "dncnn_keras": set(),
    "learned_optim": set(),
    "meta_aux": {"dncnn_keras"},
    "experiments": {"dncnn_keras", "learned_optim", "meta_aux"},
}
DENOISING_TASK = ROOT / "learned_optim" / "tasks" / "denoising.py"


def _imported_packages(file):
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            yield node.module.split(".")[0]


@pytest.mark.parametrize("package", ALLOWED)
def test_imports_flow_one_way(package):
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    for file in files:
        siblings = set(_imported_packages(file)) & set(ALLOWED) - {package}
        allowed = {"dncnn_keras"} if file == DENOISING_TASK else ALLOWED[package]
        assert siblings <= allowed, f"{file} imports {siblings - allowed}"


@pytest.mark.parametrize("package", ["dncnn_keras", "learned_optim", "meta_aux"])
def test_no_public_name_is_hidden_by_a_module_of_that_name(package):
    modules = {file.stem for file in (ROOT / package).glob("*.py")}
    assert not modules & {*importlib.import_module(package).__all__}


@pytest.mark.parametrize(
    "package", ["dncnn_keras", "dncnn_keras.datasets", "learned_optim", "meta_aux"]
)
def test_importing_a_package_is_quiet_and_loads_no_tensorflow(package):
    code = f"import sys, {package}; assert not {{'tensorflow', 'keras', 'cv2'}} & set(sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize("package", ["dncnn_keras", "learned_optim", "meta_aux"])
def test_type_checkers_see_what_is_imported_on_first_use(package):
    (block,) = (
        node
        for node in ast.parse((ROOT / package / "__init__.py").read_text(encoding="utf-8")).body
        if isinstance(node, ast.If)
    )
    seen = {alias.name: line.module for line in block.body for alias in line.names}
    public = importlib.import_module(package)._PUBLIC
    assert seen == {name: f"{package}.{file}" for name, file in public.items()}


def test_the_examples_of_the_docs_can_be_read(tmp_path):
    text = (ROOT / "docs" / "clusters.md").read_text(encoding="utf-8")
    experiment, job = re.findall("```yaml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "cluster.yaml").write_text(experiment)
    assert read_experiment(tmp_path / "cluster.yaml").training.steps == 80000
    job = yaml.safe_load(job)
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert "python -m experiments run cluster.yaml" in container["args"][0]


@pytest.mark.parametrize(
    "code",
    [
        "from dncnn_keras import DnCNN; DnCNN(depth=2, filters=1)",
        "from dncnn_keras.datasets import load_images; load_images('sample', 'test')",
        # Where it knows that there is no such set it has loaded TensorFlow.
        "import contextlib; from dncnn_keras.datasets import load_images\n"
        "with contextlib.suppress(ValueError): load_images('none')",
    ],
    ids=["network", "embedded images", "images"],
)
def test_the_first_use_of_a_public_name_prints_nothing(code):
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
