"""The ``accelsim`` command: a thin layer of typer over the library."""

from __future__ import annotations

import errno
import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn

from accelsim.errors import AccelsimError, CapacityError

EXIT_BAD_INPUT = 2
EXIT_DOES_NOT_FIT = 3
EXIT_DEFECT = 70
EXIT_INTERRUPTED = 130


class _Interrupted(BaseException):
    """Ctrl-C; not KeyboardInterrupt, which the library of options turns into an exit of its own."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; what goes wrong is one block of text and an exit code, a traceback only with --debug."""
    before = signal.getsignal(signal.SIGINT)
    try:
        with suppress(ValueError):  # outside the main thread, where no interrupt arrives
            signal.signal(signal.SIGINT, _interrupt)
        _run(sys.argv[1:] if arguments is None else arguments)
    except (_Interrupted, KeyboardInterrupt):
        _drop_output()
        _complain("interrupted; no file was changed half-way.", EXIT_INTERRUPTED)
    finally:
        with suppress(ValueError, TypeError):
            signal.signal(signal.SIGINT, before)


def _interrupt(number: int, frame: object) -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one would break into the clearing up
    raise _Interrupted


def _run(arguments: list[str]) -> None:
    import logging

    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    logging.basicConfig(format="%(message)s", level=logging.DEBUG if debug else logging.WARNING)
    try:
        from accelsim.cli.app import app  # flags follow from registries, and so from outside packages, which may fail

        try:
            app(args=arguments, prog_name="accelsim")
        finally:
            sys.stdout.flush()  # here, where a full disk or a closed pipe can still be told
    except AccelsimError as error:
        if debug:
            raise
        _complain(str(error), EXIT_DOES_NOT_FIT if isinstance(error, CapacityError) else EXIT_BAD_INPUT)
    except BrokenPipeError:  # the reader has seen enough
        _drop_output()
        sys.exit(0)
    except OSError as error:
        if debug:
            raise
        _drop_output()
        where = str(error.filename or "output")[:80]
        hint = " Is the disk full?" if error.errno == errno.ENOSPC else ""
        _complain(f"{where}: {error.strerror or error}.{hint}", EXIT_BAD_INPUT)
    except Exception as error:
        if debug:
            raise
        kind = type(error).__name__
        _complain(f"{kind}: {error}. This is a defect of accelsim; --debug shows where. Please report it.", EXIT_DEFECT)


def _complain(text: str, code: int) -> None:
    from accelsim.cli.wrap import tell

    tell(f"error: {text}")
    sys.exit(code)


def _drop_output() -> None:
    """Send what is still buffered nowhere, so that the interpreter does not try to write it again at its end."""
    with suppress(OSError):  # where standard output is no file there is nothing to drop
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
