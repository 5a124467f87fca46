"""Runs an experiment through disasters: struck at random moments, and started again each time."""

import os
import random
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from tests.chaos.kind import Lost

ROOT = Path(__file__).parents[2]
# Seconds; far beyond what anything needs, so that a busy machine is not taken for a hang.
LIMIT = 900
PAUSE = 0.002


class Outcome(NamedTuple):
    """What came of the disasters.

    Attributes:
        kills: How many there were.
        cut: In how many of them a file was being written.
        lost: After how many the experiment did not go on, or ended otherwise than undisturbed.
        problems: What was wrong.
    """

    kills: int = 0
    cut: int = 0
    lost: int = 0
    problems: tuple[str, ...] = ()


class Process(subprocess.Popen):
    """The experiment's process, whose output is kept."""

    def __init__(self, command, folder):
        self._stderr = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115
        path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        environment = {**os.environ, "PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": "-1"}
        null = subprocess.DEVNULL
        super().__init__(
            command, cwd=folder, env=environment, stdin=null, stdout=null, stderr=self._stderr
        )

    def wait(self, timeout=LIMIT):
        """Waits for its end and returns the exit code; a process that hangs is killed."""
        try:
            return super().wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            super().wait()
            raise Lost(f"took longer than {timeout} s") from None

    def read_stderr(self):
        """Returns what it has written to standard error."""
        self._stderr.seek(0)
        return self._stderr.read()


class Pace(NamedTuple):
    """Seconds of an undisturbed run before its first unit, and for each."""

    start: float
    unit: float


def survive(kind, kills, seed, on_strike=lambda: None):
    """Strikes an experiment until it was struck as often as asked.

    Args:
        kind: A `Kind`.
        kills: Number of strikes. They are spread over one run, or over several where one ends
            before its last.
        seed: What the moments are drawn from.
        on_strike: Function without arguments that is called after each of them.

    Returns:
        An `Outcome`.
    """
    generator = random.Random(f"{kind.name} {seed}")
    try:
        expected, pace = _undisturbed(kind)
    except Lost as problem:
        return Outcome(0, 0, kills, (f"undisturbed: {problem}",))
    total = Outcome()
    while total.kills < kills:
        outcome = _disturbed(kind, kills - total.kills, generator, expected, pace, on_strike)
        total = Outcome(*(a + b for a, b in zip(total, outcome, strict=True)))
    return total


def _undisturbed(kind):
    """Returns the results, and the pace at which they came."""
    with kind.place() as folder:
        kind.prepare(folder)
        started = time.monotonic()
        process = Process(kind.command, folder)
        while process.poll() is None and not kind.progress(folder):
            time.sleep(PAUSE)
        begun = time.monotonic()
        results = _finish(kind, process, folder)
        return results, Pace(begun - started, (time.monotonic() - begun) / kind.units)


def _disturbed(kind, kills, generator, expected, pace, on_strike):
    """Strikes a run until it ends."""
    moments = sorted(generator.uniform(0, kind.units) for _ in range(kills))
    struck, cut, kept = 0, 0, 0
    with kind.place() as folder:
        kind.prepare(folder)
        try:
            for moment in moments:
                leftovers = _temporaries(folder)
                process = Process(kind.command, folder)
                if not _wait(kind, process, folder, moment, kept, generator, pace):
                    break
                struck += 1
                kept = kind.progress(folder) - kind.setback
                kind.strike(process, folder, generator)
                on_strike()
                cut += bool(_temporaries(folder) - leftovers)
            else:
                process = Process(kind.command, folder)
            if _finish(kind, process, folder) != expected:
                raise Lost("ends with other results than the undisturbed run")
        except Lost as problem:
            process.kill()
            process.wait()
            # Of other results it cannot be told which of the strikes they come from.
            ended = process.returncode == 0
            return Outcome(max(struck, 1), cut, max(struck, 1) if ended else 1, (str(problem),))
    return Outcome(struck, cut)


def _wait(kind, process, folder, moment, kept, generator, pace):
    """Waits for a moment; returns `False` where the process ends before it."""
    where = generator.choices(["start", "work", "writing"], [1 if kind.at_start else 0, 5, 4])[0]
    started, leftovers = time.monotonic(), _temporaries(folder)
    delay = generator.random() * pace.start
    reached = started if where == "start" else None
    # What is kept of the last process does not tell that this one is at work.
    earliest = int(moment) if kind.at_start else max(int(moment), kind.progress(folder) + 1)
    while process.poll() is None:
        if reached is None and kind.progress(folder) >= earliest:
            reached, delay = time.monotonic(), moment % 1 * pace.unit
        if kind.progress(folder) < kept:
            raise Lost(f"fell back behind {kept} of {kind.units}")
        if reached is not None:
            if where == "writing" and _temporaries(folder) - leftovers:
                return True
            if where != "writing" and time.monotonic() - reached >= delay:
                return True
        if time.monotonic() - started > LIMIT:
            raise Lost(f"took longer than {LIMIT} s")
        time.sleep(PAUSE)
    return False


def _finish(kind, process, folder):
    code = process.wait()
    if code != 0:
        raise Lost(f"exit code {code}: {process.read_stderr()[-1000:]}")
    return kind.results(folder)


def _temporaries(folder):
    """Files that have not got their own names yet, each with the time when it was written."""
    found = set()
    # `os.walk` passes over folders that are renamed under its feet; `glob` fails there.
    for parent, folders, files in os.walk(folder / "runs"):
        for name in folders + files:
            if name.startswith((".", "new.")):
                path = Path(parent, name)
                try:
                    found.add((path, path.stat().st_mtime_ns))
                except FileNotFoundError:  # it has got it now
                    continue
    return found
