"""Runs the command on one input and judges how it ended: words and 0, 2 or 3, in time, without a Python warning."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import signal
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from inputs import Input

from accelsim.cli.main import main
from accelsim.errors import AccelsimWarning

#: CPU seconds of one input, and wall seconds: more only where the machine is busy, or the command waits for something.
LIMIT_S = 30.0
WALL_LIMIT_S = 240.0
LIMIT_BYTES = 2 * 2**30
ALLOWED = (0, 2, 3)
_SAID = "error:"


class _TooLong(BaseException):
    """The limit of time has passed; not an Exception, which the command would turn into words."""


@dataclass(frozen=True)
class Verdict:
    """How an input ended.

    Attributes:
        problem: What is wrong with that; blank where nothing is.
        code: Exit code.
        time_s: CPU seconds.
        said: End of what was printed.
    """

    problem: str
    code: int
    time_s: float
    said: str


def judge(given: Input, folder: Path) -> Verdict:
    """Run the command in ``folder``, which gets the files of the input."""
    for name, content in given.files.items():
        (folder / name).write_bytes(content)
    out, err = io.StringIO(), io.StringIO()
    code, problem, start_s = 0, "", time.process_time()
    with warnings.catch_warnings(record=True) as caught, _guards(), contextlib.chdir(folder):
        warnings.simplefilter("always")
        with contextlib.redirect_stdout(_Text(out)), contextlib.redirect_stderr(_Text(err)):
            try:
                main(given.arguments)
            except SystemExit as stop:
                code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
            except _TooLong:
                problem = f"more than {LIMIT_S:g} s of CPU, or {WALL_LIMIT_S:g} s"
            except BaseException as error:
                problem = f"raised {type(error).__name__}"
    said = out.getvalue()[-300:] + err.getvalue()[-600:]
    foreign = [one for one in caught if not issubclass(one.category, AccelsimWarning | ImportWarning | ResourceWarning)]
    if not problem and code not in ALLOWED:
        problem = f"exit code {code}"
    if not problem and "Traceback" in said:
        problem = "traceback"
    if not problem and foreign:
        problem = f"{foreign[0].category.__name__}: {foreign[0].message} ({foreign[0].filename}:{foreign[0].lineno})"
    if not problem and code and _SAID not in err.getvalue() and "Error" not in err.getvalue():
        problem = "refused without a word"
    return Verdict(problem, code, time.process_time() - start_s, said)


class _Text(io.TextIOWrapper):
    """A text stream that refuses what a terminal's would: half of a surrogate pair."""

    def __init__(self, into: io.StringIO) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8")
        self._into = into

    def write(self, text: str) -> int:
        text.encode("utf-8")
        return self._into.write(text)


@contextlib.contextmanager
def _guards() -> Iterator[None]:
    """Limits of time and of memory for this process, beside what it holds already."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise _TooLong

    alarms = ((signal.SIGPROF, signal.ITIMER_PROF, LIMIT_S), (signal.SIGALRM, signal.ITIMER_REAL, WALL_LIMIT_S))
    before = [signal.signal(number, stop) for number, _, _ in alarms]
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * os.sysconf("SC_PAGE_SIZE") + LIMIT_BYTES, limits[1]))
    for _, timer, seconds in alarms:
        signal.setitimer(timer, seconds)
    try:
        yield
    finally:
        for (number, timer, _), handler in zip(alarms, before, strict=True):
            signal.setitimer(timer, 0)
            signal.signal(number, handler)
        resource.setrlimit(resource.RLIMIT_AS, limits)
