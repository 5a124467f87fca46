import re
from pathlib import Path

import pytest

from experiments.read_experiment import ExperimentError, read_experiment

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
GOOD = """
kind: train-dncnn
name: trial
training:
  steps: 200
"""


def _file(tmp_path, text):
    file = tmp_path / "trial.yaml"
    file.write_text(text)
    return file


def test_defaults_are_the_paper_s(tmp_path):
    experiment = read_experiment(_file(tmp_path, GOOD))
    assert (experiment.network.depth, experiment.network.filters) == (17, 64)
    assert experiment.data.sigma == (5.0, 90.0)
    assert (experiment.data.patch_size, experiment.training.batch_size) == (40, 128)


def test_set_replaces_and_adds_values(tmp_path):
    overrides = ["training.steps=300", "data.sigma=25", "optimizer.learning_rate=2.0e-3"]
    experiment = read_experiment(_file(tmp_path, GOOD), overrides)
    assert experiment.training.steps == 300
    assert experiment.data.sigma == 25
    assert experiment.optimizer.learning_rate == 2e-3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("steps: 200", "stebs: 200"), "training.stebs: no such key; allowed here: steps, batch_"),
        (("name: trial", "name: trial\nsed: 3"), "sed: no such key; allowed here: kind, name, se"),
        (("steps: 200", "steps: many"), "training.steps: .*integer.*got 'many'"),
        (("steps: 200", "steps: 0"), "training.steps: .*greater than or equal to 1.*got 0"),
        (("steps: 200", "steps: 150"), "steps .150. must be a multiple of epoch .100."),
        (("steps: 200", "steps: 200\n  loss: huber"), "training.loss: .*'mse' or 'mae'"),
        (("name: trial", "name: ../trial"), "name: .*match pattern"),
        (("name: trial", "name: trial\ndevices: [0, 0]"), "devices: .* list of different GPU"),
        (("name: trial", "name: trial\ndevices: []"), "devices: must be auto, cpu, or a list"),
        (("name: trial", "name: trial\ndevices: gpu"), "devices: must be auto, cpu, or a list"),
        (("train-dncnn", "train-dncn"), "kind: must be one of train-dncnn, .*'train-dncn'"),
        (("name: trial", "name: trial\ndata: {sigma: [90, 5]}"), "data.sigma: .*low <= high"),
        (("name: trial", "name: [trial"), "line 4: not valid YAML"),
        ((GOOD, "- a\n- b\n"), "must hold `key: value` lines"),
        (("train-dncnn", "[train-dncnn]"), r"kind: must be one of .* got \['train-dncnn'\]"),
        (
            ("name: trial", "name: 2020-99-99"),
            "line 3: not valid YAML: '2020-99-99' is not a valid",
        ),
        (("name: trial", "name: !!bool x"), "line 3: not valid YAML: 'x' is not a valid bool"),
        (("steps: 200", "steps: 0x" + "f" * 5000), "line 5: not valid YAML: .* is not a valid int"),
        (("name: trial", "name: &a x\ndata: *a"), "line 4: not valid YAML: aliases are not allow"),
        (("name: trial", "name: " + "[" * 3000), "not valid YAML: nested too deeply"),
        (("name: trial", "name: trial\nseed: 4294967296"), "seed: .*less than 4294967296; got 42"),
        (("name: trial", "name: trial\nseed: true"), "seed: must be a number, not true or false"),
        (
            ("name: trial", "name: trial\ndata: {sigma: yes}"),
            "data.sigma: must be a number, not tr",
        ),
        (("name: trial", "name: trial\ndata: {sigma: [no, 9]}"), r"data.sigma: must be a number"),
        (
            ("name: trial", "name: trial\nnetwork: {channels: on}"),
            "network.channels: must be a number",
        ),
        (("name: trial", "name: trial\ndata: {scales: []}"), "data.scales: .*at least 1 item"),
        ((GOOD, "kind: table1\nsigmas: [15, 0]"), "sigmas: Input should be greater than 0; got 0"),
        (("steps: 200", 'steps: 200\n  "a\\nb": 1'), r"training.a\\nb: no such key"),
        (("steps: 200", "steps: " + "x" * 10**5), "training.steps: .*integer"),
        (
            ("name: trial", "name: trial\noptimizer: {learning_rate: .inf}"),
            "finite number; got inf",
        ),
    ],
)
def test_a_mistake_is_told_in_one_line_with_file_and_key(tmp_path, change, message):
    file = _file(tmp_path, GOOD.replace(*change))
    with pytest.raises(ExperimentError) as caught:
        read_experiment(file)
    text = str(caught.value)
    assert text.startswith(str(file)) and "\n" not in text and len(text) <= 1000
    assert re.search(message, text), text


def test_the_largest_seed_and_true_where_it_is_meant_are_taken(tmp_path):
    file = _file(tmp_path, "kind: table1\nseed: 4294967295\nclassical: no\nrecompute: true\n")
    experiment = read_experiment(file)
    assert (experiment.seed, experiment.classical, experiment.recompute) == (2**32 - 1, False, True)


def test_true_in_a_section_of_a_list_is_refused_too(tmp_path):
    text = """
kind: real-table
name: trial
validation: sample
stages:
  - {name: a, data: {dataset: sample, noise: real}, method: {name: mtl}}
rows:
  - {title: A, stages: {a: 1}}
"""
    assert read_experiment(_file(tmp_path, text)).rows[0].stages == {"a": 1}
    with pytest.raises(ExperimentError, match=r"rows\.stages\.a: must be a number"):
        read_experiment(_file(tmp_path, text.replace("a: 1", "a: yes")))


@pytest.mark.parametrize("override", ["training.steps", "=3", "name.first=x", "training.steps=[1"])
def test_a_wrong_override_is_told(tmp_path, override):
    with pytest.raises(ExperimentError, match=re.escape(f"--set {override}")):
        read_experiment(_file(tmp_path, GOOD), [override])


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(ExperimentError, match=r"nowhere\.yaml: cannot be read"):
        read_experiment(tmp_path / "nowhere.yaml")


def test_a_few_lines_cannot_stand_for_millions_of_values(tmp_path):
    bomb = "".join(f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 10)}]\n" for n in range(9))
    file = _file(tmp_path, f"a0: &a0 x\n{bomb}kind: *a9\n")
    with pytest.raises(ExperimentError, match="line 2: not valid YAML: aliases are not allowed"):
        read_experiment(file)


def test_yaml_cannot_run_code(tmp_path):
    file = _file(tmp_path, "kind: !!python/object/apply:os.system ['true']\n")
    with pytest.raises(ExperimentError, match="not valid YAML"):
        read_experiment(file)


@pytest.mark.parametrize("file", sorted(EXPERIMENTS.glob("*.yaml")), ids=lambda f: f.stem)
def test_every_experiment_file_of_the_project_is_valid(file):
    read_experiment(file)


@pytest.mark.parametrize(
    ("stage", "before"), [("_first", None), ("_second", "first"), ("", "second")]
)
def test_the_learned_optimizer_gets_exactly_adam_s_budget(stage, before):
    budgets, optimizers = [], []
    for name in ("dncnn-blind", "dncnn-blind-meta"):
        file = EXPERIMENTS / f"{name.replace('-', '_')}{stage}.yaml"
        settings = read_experiment(file).model_dump()
        assert settings.pop("name") == name + stage.replace("_", "-")
        # Each goes on from its own stage before.
        start = f"runs/{name}-{before}/{name}-{before}.weights.h5" if before else None
        assert settings.pop("start") == start
        optimizers.append(settings.pop("optimizer"))
        budgets.append(settings)
    assert budgets[0] == budgets[1]
    for key in ("schedule", "warmup"):
        assert len({optimizer[key] for optimizer in optimizers}) == 1
    assert optimizers[1]["learning_rate"] is None  # as released, not tuned
