"""Damaged experiment files and values of `--set`, given to `read_experiment`."""

import json
from pathlib import Path

import yaml

from experiments.read_experiment import KINDS, ExperimentError, read_experiment
from tests.fuzz.kind import Kind, check_line
from tests.fuzz.mutations import NASTY, damage_bytes, damage_tree, displace, empty_folder

ROOT = Path(__file__).parents[2]


def _bomb(template, start):
    """Ten anchors, each of which names the one before it ten times."""
    lines = [f"a0: &a0 {start}"]
    for level in range(1, 11):
        lines.append(f"a{level}: &a{level} " + template % ", ".join([f"*a{level - 1}"] * 10))
    return "\n".join(lines)


# Values that are YAML and should not be, or are not and look like it.
SNIPPETS = (
    "!!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path [pwned]]",
    "!!python/object/apply:os.system ['touch pwned']", "!!python/name:os.system", "!!map [1]",
    "!!int abc", "!!int ''", "!!float x", "!!bool x", "!!null x", "!!timestamp x", "!!binary x",
    "!!set {a, b}", "!!omap [a: 1]", "!unknown 1", "2020-99-99", "2020-01-01", "=", "<<: 1",
    "&a [*a]", "&a {x: *a}", "*nowhere", "{? [a, b] : 1}", "{[]: 1}", "{{}: 1}", "{1: 2}",
    "{null: 1}", "9" * 5000, "0x" + "f" * 5000, ".inf", "-.inf", ".nan", "1:2:3", "0b2", "1_0",
    "[" * 3000, "{a: " * 3000, "- " * 3000, "[[" * 400 + "]]" * 400, '"\\ud800"', '"\\0"', "\x00",
    "%YAML 9.9", "--- 1\n--- 2", "\t- 1", "'", "|", ">", "?", "@", "`", "1e999", "\ufeff", "\x85",
)  # fmt: skip
BOMBS = (_bomb("[%s]", "[x]"), _bomb("{<<: [%s]}", "{x: 1}"))


class ExperimentFiles(Kind):
    """Damaged files, and replaced values."""

    name = "experiments"

    def __init__(self, folder):
        super().__init__(folder)
        self._texts = [file.read_text("utf-8") for file in sorted(ROOT.glob("experiments/*.yaml"))]

    def make(self, generator):
        """See `Kind.make`."""
        file = empty_folder(self.folder / "in") / generator.choice(["a.yaml", "ä\n.yaml", "a"])
        text, overrides = generator.choice(self._texts), []
        data = text.encode()
        what = generator.choice(["bytes", "tree", "tree", "YAML", "YAML", "--set", "--set"])
        match what:
            case "bytes":
                what, data = damage_bytes(generator, data)
            case "tree":
                what, tree = damage_tree(generator, yaml.safe_load(text))
                data = yaml.safe_dump(tree, allow_unicode=generator.random() < 0.5).encode()
            case "YAML":
                what = "strange YAML"
                data = _insert(generator, text).encode()
            case "--set":
                overrides = [_override(generator, text) for _ in range(generator.choice([1, 2]))]
        file.write_bytes(data)
        if generator.random() < 0.05:
            what = displace(generator, file)
        return what, lambda: self._give(file, overrides)

    def _give(self, file, overrides):
        try:
            experiment = read_experiment(file, overrides)
        except ExperimentError as error:
            check_line(str(error), self.folder, "--set ")
            return False
        finally:
            assert not Path("pwned").exists()
        # What a run writes down of itself is the same experiment.
        settings = json.loads(json.dumps(experiment.model_dump(mode="json"), allow_nan=False))
        assert KINDS[experiment.kind].model_validate(settings) == experiment
        return True


def _insert(generator, text):
    """Gives a line another value, or the file's kind one of the bombs."""
    if generator.random() < 0.1:
        return f"{generator.choice(BOMBS)}\n{text}\nkind: *a10\n"
    lines = text.splitlines()
    number = generator.randrange(len(lines))
    lines[number] = lines[number].partition(":")[0] + ": " + generator.choice(SNIPPETS)
    return "\n".join(lines)


def _override(generator, text):
    tree, keys = yaml.safe_load(text), []
    while isinstance(tree, dict) and (not keys or generator.random() < 0.8):
        keys.append(generator.choice(list(tree)))
        tree = tree[keys[-1]]
    if generator.random() < 0.2:
        keys.insert(generator.randrange(len(keys)), generator.choice(["", "x", "name", "data"]))
    value = generator.choice([generator.choice(NASTY), tree])
    text = yaml.safe_dump(value, default_flow_style=True).removesuffix("\n...\n").strip()
    value = generator.choice([text, text, generator.choice(SNIPPETS), generator.choice(BOMBS)])
    return f"{'.'.join(keys)}{generator.choice(['=', '=', '=', '=', ''])}{value}"
