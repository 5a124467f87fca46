"""`make report`: every table and figure on one page, made of what is kept, without measuring."""

import base64
import csv
import json
import re
import struct
from pathlib import Path
from typing import NamedTuple

import jinja2
from markdown_it import MarkdownIt
from markupsafe import Markup

from dncnn_keras.one_line import one_line
from dncnn_keras.pretrained import weights_file
from dncnn_keras.weight_files import description_of
from experiments.atomic_write import write_atomically
from experiments.report_parts import SECTIONS, Part

_STEM = "report"
_LOG = "_log.md"


class Text(NamedTuple):
    """A Markdown text.

    Attributes:
        title: Its first heading.
        markdown: All that follows, headings from the fourth level down.
    """

    title: str
    markdown: str


class Picture(NamedTuple):
    """A PNG of a part.

    Attributes:
        name: Name of the file.
        shows: What it shows.
        width: In pixels.
        height: In pixels.
        base64: Content of the file.
    """

    name: str
    shows: str
    width: int
    height: int
    base64: str


class Measured(NamedTuple):
    """What lies in `results/` of a part.

    Attributes:
        part: The `Part`.
        content: List of its `Text`s and `Picture`s.
        made_by: How it was measured, in one line, or `None`.
        trained: Lists of the stages in which its networks were trained, each how in one line, by
            the networks' names.
        missing: Names of its files that are not there.
        found: Whether any file is there.
    """

    part: Part
    content: list
    made_by: str | None
    trained: dict
    missing: list
    found: bool


def report(folder):
    """Writes the report as one self-contained HTML page and as Markdown.

    Args:
        folder: `Path` of the results; `report.html` and `report.md` are written there.

    Returns:
        Path of the HTML page.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If a file in it is damaged, or a JSON file is not an experiment's.

    Example:

    >>> report(Path("results"))
    PosixPath('results/report.html')
    """
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder}: there is no such folder; start the command where it lies, or measure "
            "something first, e.g. with make reproduce-table1"
        )
    sections = {**SECTIONS, "More results": _unlisted_parts(folder)}
    content = {
        "sections": {
            title: [_read_part(folder, part) for part in parts]
            for title, parts in sections.items()
            if parts
        },
        "logs": [_read_markdown(file) for file in sorted(folder.glob(f"*{_LOG}"))],
    }
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=jinja2.select_autoescape(["html.j2"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    parser = _markdown_parser()
    environment.filters["markdown"] = lambda text: Markup(parser.render(text))
    environment.filters["inline"] = lambda text: Markup(parser.renderInline(text))
    for name in (f"{_STEM}.md", f"{_STEM}.html"):
        text = environment.get_template(f"{name}.j2").render(content)
        write_atomically(folder / name, text.rstrip("\n") + "\n")
    return folder / f"{_STEM}.html"


def _unlisted_parts(folder):
    """A part for all the files of the same stem that no other part shows."""
    listed = {f"{_STEM}.md"}
    for part in (part for parts in SECTIONS.values() for part in parts):
        listed.update(part.files, [part.results])
    found = {}
    for file in sorted(folder.iterdir()):
        if file.suffix in (".md", ".png", ".csv", ".json") and not (
            file.name in listed or file.name.startswith(".") or file.name.endswith(_LOG)
        ):
            found.setdefault(file.stem, []).append(file)
    return [
        Part(
            stem,
            {file.name: stem for file in files if file.suffix != ".json"},
            results=next((file.name for file in files if file.suffix == ".json"), None),
        )
        for stem, files in found.items()
    ]


def _read_part(folder, part):
    names = [*part.files, part.results] if part.results else list(part.files)
    missing = [name for name in names if not (folder / name).is_file()]
    there = {name: shows for name, shows in part.files.items() if name not in missing}
    content = [_read(folder / name, shows) for name, shows in there.items()]
    made_by = None
    if part.results and part.results not in missing:
        file = folder / part.results
        made_by = _how_made(file, _read_json(file))
    found = len(missing) < len(names)
    trained = {name: _read_stages(name) for name in part.networks} if found else {}
    return Measured(part, content, made_by, trained, missing, found)


def _read(file, shows):
    if file.suffix == ".png":
        return _read_picture(file, shows)
    if file.suffix == ".csv":
        return _read_csv(file, shows)
    text = _read_markdown(file)
    if text.title == file.stem:  # it says nothing that the part's own title does not
        return text
    return text._replace(markdown=f"#### {text.title}\n\n{text.markdown}")


def _read_picture(file, shows):
    content = file.read_bytes()
    whole = content.startswith(b"\x89PNG\r\n\x1a\n") and content.endswith(b"IEND\xaeB`\x82")
    if not whole or len(content) < 24:
        raise ValueError(f"{file}: damaged, not a whole PNG; delete it or make it again")
    width, height = struct.unpack(">II", content[16:24])
    return Picture(file.name, shows, width, height, base64.b64encode(content).decode("ascii"))


def _read_text(file):
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{file}: damaged, not UTF-8 text; delete it or make it again") from None


def _read_csv(file, shows):
    try:
        rows = list(csv.reader(_read_text(file).splitlines()))
    except csv.Error:
        rows = []
    if not rows:
        raise ValueError(f"{file}: damaged, or empty; delete it or make it again")
    lines = [[cell.replace("|", r"\|") for cell in row] for row in rows]
    lines.insert(1, ["---"] * len(rows[0]))
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return Text(file.stem, f"{shows}:\n\n{table}")


def _read_markdown(file):
    first, _, rest = _read_text(file).partition("\n")
    title, body = (first[2:], rest) if first.startswith("# ") else (file.stem, f"{first}\n{rest}")
    # The third level is that of parts: no heading within one may look as if it began another.
    below = re.sub(
        "^#{1,4}(?= )", lambda hashes: "#" * max(4, len(hashes[0]) + 2), body, flags=re.MULTILINE
    )
    return Text(title, below.strip())


def _read_stages(network):
    """How each stage of a released network's training was made, the first stage first."""
    file = description_of(weights_file(network))
    stages, content = [], _read_json(file)
    while content is not None:
        stages.append(_how_made(file, content))
        content = content.get("start")
    return stages[::-1]


def _read_json(file):
    try:
        return json.loads(_read_text(file))
    except (ValueError, RecursionError):
        raise _damaged(file) from None


def _how_made(file, content):
    """How something was made, in one line, by the content of a JSON file."""
    try:
        # Table 1 keeps it in a section of its own.
        made_by, experiment = content.get("provenance", content), content["experiment"]
        versions = {"Python": made_by["python"], **made_by["versions"]}
        parts = [
            f"{made_by['date'][:16].replace('T', ' ')} UTC",
            f"revision {made_by['revision']}",
            *(f"{name} {version}" for name, version in versions.items()),
            f"{made_by['cores']} cores of {made_by['processor']}",
            *made_by["gpus"],
            *(f"{key} {experiment[key]}" for key in ("seed", "seeds") if key in experiment),
        ]
        return one_line(", ".join(parts))
    except (KeyError, TypeError, AttributeError):
        raise _damaged(file) from None


def _damaged(file):
    return ValueError(
        f"{file}: damaged, or not the results of an experiment; move it away, or measure again"
    )


def _markdown_parser():
    # HTML in a result is text, and a picture from elsewhere would not be self-contained.
    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    box = '<div class="scroll" role="region" aria-label="Table" tabindex="0"><table>\n'
    parser.add_render_rule("table_open", lambda *_: box)
    parser.add_render_rule("table_close", lambda *_: "</table></div>\n")
    return parser
