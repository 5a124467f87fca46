"""Damaged files in the folder of results, of which `make report` makes its page."""

import contextlib
import json

import cv2
import numpy as np

from experiments.__main__ import main
from experiments.provenance import provenance
from tests.fuzz.kind import Kind, check_line, run_command
from tests.fuzz.mutations import damage_bytes, damage_tree, displace, empty_folder

TEXT = "# Title\n\n## Panel\n\n| a | b |\n|---|---|\n| 1 | *2* |\n\n> `code` [x](y) <b>\n"
STRANGE = (
    b"[" * 10**5, b'{"a":' * 10**5, b"> " * 3000, b"- " * 3000, b"![](" * 3000, b"`" * 10**4,
    b"|" * 10**4, b"*_" * 3000, b"<" * 10**4, b"x" * 10**6, b'"' * 3001, b"\n\n\n", b"\r\r", b"\0",
    b"\x89PNG\r\n\x1a\nIEND\xaeB`\x82", b"\xef\xbb\xbf# x", b"\x1b[31m", "ä\u2028,b\n".encode(),
)  # fmt: skip


class ReportFiles(Kind):
    """Pictures, tables, texts and results."""

    name = "report"

    def __init__(self, folder):
        super().__init__(folder)
        made_by = provenance()
        picture = cv2.imencode(".png", np.zeros((8, 9), np.uint8))[1].tobytes()
        self._files = {
            "figure3.json": json.dumps({"experiment": {"seeds": 7}, **made_by}).encode(),
            "table1.json": json.dumps({"experiment": {"seed": 1}, "provenance": made_by}).encode(),
            "mine.json": json.dumps({"experiment": {}, **made_by, "gpus": ["H100"]}).encode(),
            "figure3.md": TEXT.encode(),
            "mine_log.md": TEXT.encode(),
            "table1_noisy.png": picture,
            "mine.csv": b"epoch,loss\n1,a|b\n2,3.5\n",
        }

    def make(self, generator):
        """See `Kind.make`."""
        folder = empty_folder(self.folder / "results")
        for name, data in self._files.items():
            (folder / name).write_bytes(data)
        file = folder / generator.choice(list(self._files))
        what = generator.choice(["tree", "tree", "bytes", "bytes", "place", "strange"])
        match what:
            case "tree" if file.suffix == ".json":
                what, tree = damage_tree(generator, json.loads(file.read_text("utf-8")))
                file.write_text(json.dumps(tree))
            case "place":
                what = displace(generator, file)
            case "strange":
                what = "strange text"
                file.write_bytes(generator.choice(STRANGE))
            case _:
                what, data = damage_bytes(generator, file.read_bytes())
                file.write_bytes(data)
        return f"{file.suffix[1:]}: {what}", self._give

    def _give(self):
        folder = self.folder / "results"
        before = {path.name for path in folder.iterdir()}
        with contextlib.chdir(self.folder):
            code, printed = run_command(main, "report")
        written = {path.name for path in folder.iterdir()} - before
        if code == 0:
            assert printed == ""
            assert written == {"report.html", "report.md"}
            assert (folder / "report.html").read_text("utf-8").endswith("</html>\n")
            return True
        assert code == 2
        check_line(printed.removesuffix("\n"), "error: results/", "error: [Errno ")
        assert not written
        return False
