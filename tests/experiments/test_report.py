import base64
import json
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from experiments.__main__ import main
from experiments.report_parts import SECTIONS

SYSTEM_BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))),
    None,
)
GET_BROWSER = "make test-report gets one and runs this test"
PARTS = [part for parts in SECTIONS.values() for part in parts]
MADE_BY = {
    "date": "2026-01-02T03:04:05+00:00",
    "revision": "abc123+",
    "python": "3.12.1",
    "versions": {"tensorflow": "2.20.0"},
    "processor": "Fast <b>& loud",
    "cores": 2,
    "gpus": [],
}


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "results"
    folder.mkdir()
    for number, name in enumerate(("table1_noisy", "table1_denoised", "figure3", "extra_curves")):
        cv2.imwrite(str(folder / f"{name}.png"), np.full((30, 90), 40 * number, np.uint8))
    wide = " | ".join(f"column number {number}" for number in range(30))
    rule = " | ".join(["---"] * 30)
    (folder / "figure3.md").write_text(
        f"# figure3\n\n## Panel\n\n| {wide} |\n| {rule} |\n| {wide} |\n"
    )
    results = {"experiment": {"seeds": 7}, **MADE_BY}
    (folder / "figure3.json").write_text(json.dumps(results))
    results = {"experiment": {"seed": 42}, "provenance": MADE_BY}
    (folder / "table1.json").write_text(json.dumps(results))
    results = {"experiment": {}, "provenance": {**MADE_BY, "gpus": ["H100"]}}
    (folder / "real_table2.json").write_text(json.dumps(results))
    (folder / "real_table2.md").write_text("# Real photographs: `nam`, 2 images\n\nNone.\n")
    (folder / "odd.csv").write_text("epoch,<script>alert(1)</script>\n1,a|b\n")
    (folder / "mine_log.md").write_text("# Why `this`\n\nBecause <script>alert(2)</script>.\n")
    return folder


def test_every_picture_is_embedded_and_nothing_comes_from_elsewhere(results):
    assert main(["report"]) == 0
    page = (results / "report.html").read_text()
    sources = re.findall(r'<img src="([^"]*)"\s+alt="[^"]+"', page)
    assert {base64.b64decode(source.partition("base64,")[2]) for source in sources} == {
        file.read_bytes() for file in results.glob("*.png")
    }
    assert page.count("<img") == len(sources) == 4
    assert set(re.findall(r'(?:src|<link [^>]*href)="([^"]{5})', page)) == {"data:"}
    markdown = (results / "report.md").read_text()
    assert set(re.findall(r"!\[[^]]+\]\(([^)]*)\)", markdown)) == {
        file.name for file in results.glob("*.png")
    }


def test_text_is_escaped_and_says_how_each_figure_was_made(results):
    assert main(["report"]) == 0
    page, markdown = ((results / f"report.{kind}").read_text() for kind in ("html", "md"))
    assert "<script>alert" not in page and page.count("&lt;script&gt;alert") == 2
    assert "<summary>Why <code>this</code></summary>" in page
    assert "<td>a|b</td>" in page
    assert "Fast &lt;b&gt;&amp; loud, seed 42" in page and "<b>" not in page
    made = "`make reproduce-figure3`: 2026-01-02 03:04 UTC, revision abc123+, Python 3.12.1, "
    assert f"{made}tensorflow 2.20.0, 2 cores of Fast <b>& loud, seeds 7." in markdown
    assert "2 cores of Fast <b>& loud, H100." in markdown  # has no seed
    assert "<h4>Panel</h4>" in page and "#### Panel" in markdown
    assert "<h4>Real photographs: <code>nam</code>, 2 images</h4>" in page
    assert "#### Real photographs: `nam`, 2 images" in markdown and "# figure3" not in markdown


def test_no_heading_of_a_file_looks_like_a_part_of_the_report(results):
    (results / "extra_curves.md").write_text(
        "# Main\n\n1\n\n## Below\n\n2\n\n### Deeper\n\n3\n\n# Second\n\n4\n"
    )
    assert main(["report"]) == 0
    page, markdown = ((results / f"report.{kind}").read_text() for kind in ("html", "md"))
    titles = [*(part.title for part in PARTS), "extra_curves", "odd"]
    assert re.findall("^### (.*)", markdown, re.MULTILINE) == titles
    assert len(re.findall("<h3 id=", page)) == page.count("<h3") == len(titles)
    for level, title in ((4, "Main"), (4, "Below"), (5, "Deeper"), (4, "Second")):
        assert f"\n{'#' * level} {title}\n" in markdown
        assert f"<h{level}>{title}</h{level}>" in page


def test_both_papers_are_named_and_linked(results):
    assert main(["report"]) == 0
    page, markdown = ((results / f"report.{kind}").read_text() for kind in ("html", "md"))
    for number, title in (
        ("2107.06845", "Meta-Optimization of Deep CNN for Image Denoising Using LSTM"),
        ("2207.02066", "Test-time Adaptation for Real Image Denoising via Meta-transfer Learning"),
    ):
        assert f'<a href="https://arxiv.org/abs/{number}">arXiv {number}</a>' in page
        assert f"[arXiv {number}](https://arxiv.org/abs/{number})" in markdown
        assert title in page and title in " ".join(markdown.split())


def test_a_note_of_ours_does_not_pass_for_the_papers_words(results):
    assert main(["report"]) == 0
    markdown = (results / "report.md").read_text()
    noted = [part for part in PARTS if part.note]
    assert noted
    for part in noted:
        assert f"*In the paper:* {part.paper}\n\n{part.note}\n" in markdown


@pytest.fixture
def released(monkeypatch, tmp_path):
    """A folder in place of the released networks', with one of two stages and one of one."""
    folder = tmp_path / "weights"
    folder.mkdir()
    first = {"experiment": {"seed": 5}, **MADE_BY, "revision": "first"}
    about = {"experiment": {"seed": 6}, **MADE_BY, "revision": "second", "start": first}
    for name, description in (("dncnn-blind", about), ("dncnn-blind-meta", first)):
        (folder / f"{name}.weights.h5").touch()
        (folder / f"{name}.json").write_text(json.dumps(description))
    monkeypatch.setattr("dncnn_keras.pretrained.WEIGHTS", folder)
    return folder


def test_each_stage_of_a_released_network_says_how_it_was_made(results, released):
    shutil.copy(results / "figure3.png", results / "table1_training.png")
    assert main(["report"]) == 0
    page, markdown = ((results / f"report.{kind}").read_text() for kind in ("html", "md"))
    how = "Python 3.12.1, tensorflow 2.20.0, 2 cores of Fast <b>& loud, seed"
    assert (
        f"- `dncnn-blind`, stage 1 of 2: 2026-01-02 03:04 UTC, revision first, {how} 5.\n"
        f"- `dncnn-blind`, stage 2 of 2: 2026-01-02 03:04 UTC, revision second, {how} 6.\n"
        f"- `dncnn-blind-meta`, stage 1 of 1: 2026-01-02 03:04 UTC, revision first, {how} 5.\n"
    ) in markdown
    assert "<code>dncnn-blind</code>, stage 2 of 2: 2026-01-02 03:04 UTC, revision second" in page
    assert page.count("Fast &lt;b&gt;&amp; loud, seed 5.") == 2 and "<b>" not in page


def test_a_damaged_description_of_a_released_network_is_named(results, released, capsys):
    shutil.copy(results / "figure3.png", results / "table1_training.png")
    (released / "dncnn-blind.json").write_text('{"experiment": {}, "start": 1}')
    assert main(["report"]) == 2
    assert f"error: {released}/dncnn-blind.json: damaged" in capsys.readouterr().err


def test_what_is_missing_is_named_with_the_command_that_measures_it(results):
    assert main(["report"]) == 0
    page, markdown = ((results / f"report.{kind}").read_text() for kind in ("html", "md"))
    assert "Not measured yet: <code>make reproduce-figure4</code>" in page
    assert "**Not measured yet: `make reproduce-figure4`**\n" in markdown
    # Half of a part is named file by file.
    assert "**Not measured yet: `make reproduce-table1`** (table1_visual.png)" in markdown
    assert "reproduce-figure3`**" not in markdown


def test_a_second_report_does_not_show_the_first(results):
    assert main(["report"]) == 0
    first = (results / "report.html").read_text()
    assert main(["report"]) == 0
    assert (results / "report.html").read_text() == first


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("table1.json", b'{"experiment": {"seed": 0}, "provenance": {"date":'),
        ("foreign.json", b'[{"name": "something else"}]'),
        ("foreign.json", b'{"experiment": {}, "date": "2026-01-02"}'),
        ("foreign.json", b"[" * 10**5),
        ("foreign.json", json.dumps({"experiment": {}, **MADE_BY, "gpus": [1]}).encode()),
        ("figure3.png", b"\x89PNG\r\n\x1a\n and no more"),
        ("figure3.png", b"\x89PNG\r\n\x1a\nIEND\xaeB`\x82"),
        ("figure3.md", b"\xff\xfe"),
        ("odd.csv", b""),
        ("odd.csv", b'"' + b"x" * 200_000),
    ],
)
def test_a_damaged_or_foreign_file_is_named_in_one_line(results, capsys, name, content):
    (results / name).write_bytes(content)
    assert main(["report"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: results/{name}: damaged")
    assert not (results / "report.html").exists()


def test_without_results_it_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["report"]) == 2
    assert "results: there is no such folder" in capsys.readouterr().err


def test_every_command_of_the_report_is_a_target_of_the_makefile():
    makefile = (Path(__file__).parents[2] / "Makefile").read_text()
    targets = re.findall(r"^([a-z0-9-]+):", makefile, re.MULTILINE)
    assert {part.command.split()[1] for part in PARTS if part.command} <= set(targets)


def test_no_file_belongs_to_two_parts():
    names = [name for part in PARTS for name in part.files]
    assert len(names) == len(set(names))


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium: Playwright's own, else the system's."""
    api = pytest.importorskip("playwright.sync_api", reason=f"no Playwright: {GET_BROWSER}")
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium
        own = Path(chromium.executable_path).is_file()
        if not own and SYSTEM_BROWSER is None:
            pytest.skip(f"no Chromium: {GET_BROWSER}")
        browser = chromium.launch(executable_path=None if own else SYSTEM_BROWSER)
        yield browser
        browser.close()


def _open(browser, page, width):
    """Opens a page; returns it, and the list that errors and other files it asks for go to."""
    tab = browser.new_page(viewport={"width": width, "height": 900})
    trouble = []
    tab.on("console", lambda message: trouble.append(message.text))
    tab.on("pageerror", lambda error: trouble.append(str(error)))
    tab.route(
        lambda url: url != page.as_uri() and not url.startswith("data:"),
        lambda route: (trouble.append(route.request.url), route.abort()),
    )
    tab.goto(page.as_uri())
    return tab, trouble


def _shown(slider):
    """Grey levels of the slider's pictures along a line, from left to right."""
    content = np.frombuffer(slider.screenshot(), np.uint8)
    pixels = cv2.imdecode(content, cv2.IMREAD_GRAYSCALE).astype(int)
    return pixels[pixels.shape[0] // 4]


@pytest.mark.parametrize("width", [1280, 390])
def test_in_a_browser_the_slider_moves(results, browser, width):
    assert main(["report"]) == 0
    tab, trouble = _open(browser, results / "report.html", width)
    pictures, slider = tab.locator(".slider .pictures"), tab.locator(".slider input")

    def part_of_the_first():  # it is black, the second is grey
        return np.mean(_shown(pictures) < 20)

    assert part_of_the_first() == pytest.approx(0.5, abs=0.03)
    slider.focus()
    for _ in range(30):
        tab.keyboard.press("ArrowLeft")
    assert part_of_the_first() == pytest.approx(0.2, abs=0.03)
    size = pictures.bounding_box()
    middle = size["y"] + size["height"] / 2
    tab.mouse.move(size["x"] + 0.2 * size["width"], middle)
    tab.mouse.down()
    tab.mouse.move(size["x"] + 0.8 * size["width"], middle)
    tab.mouse.up()
    assert part_of_the_first() == pytest.approx(0.8, abs=0.03)
    assert trouble == []


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("own", [False, True])
def test_in_a_browser_images_load_and_the_page_is_no_wider_than_the_window(
    results, browser, own, width
):
    if own:  # the project's own results, in place of those of these tests
        shutil.copytree(Path(__file__).parents[2] / "results", results, dirs_exist_ok=True)
    assert main(["report"]) == 0
    tab, trouble = _open(browser, results / "report.html", width)
    widths = tab.evaluate("[...document.images].map((image) => image.naturalWidth)")
    assert len(widths) >= 4 and all(widths)
    tab.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
    assert tab.evaluate("document.documentElement.scrollWidth") == width
    assert trouble == []
