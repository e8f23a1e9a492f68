"""The command line: one Typer application, one module per command, exit codes in one place."""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, ParamSpec

import typer

from times_doctor_cli.terminal import json_answer
from times_doctor_tasks import __version__
from times_doctor_tasks.contract import exit_codes
from times_doctor_tasks.contract.errors import TimesDoctorError

if TYPE_CHECKING:
    from times_doctor_cli.local.stack import LocalStack

_P = ParamSpec("_P")
#: Click's exit code if its output (a help text) cannot be written; nothing of ours uses it.
_CLICKS_CLOSED_PIPE = 1


def _ending_in_words(command: Callable[_P, None]) -> Callable[_P, None]:
    """Turns every error that a user can cause into a message and an exit code."""

    @functools.wraps(command)
    def guarded(*args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except KeyboardInterrupt:
            raise typer.Exit(exit_codes.INTERRUPTED) from None
        except TimesDoctorError as error:
            from times_doctor_cli.terminal.console import fail  # rich

            fail(error)
            raise typer.Exit(exit_codes.of_error(error)) from error
        except typer.Abort:  # Ctrl-C, or the end of input, at a question
            raise typer.Exit(exit_codes.INTERRUPTED) from None
        except BrokenPipeError:
            # `| head` closed our output; we can print nothing more, not even at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(exit_codes.CLOSED_PIPE) from None

    return guarded


#: Every command, in the order of the help: module below `commands`, and function. Only the one called is imported.
COMMANDS = {
    "scan": "scan.scan:scan",
    "watch": "team.watch:watch",
    "status": "team.scans:status",
    "list": "team.scans:list_scans",
    "cancel": "team.cancel:cancel",
    "fetch": "team.fetch:fetch",
    "report": "scan.report:report",
    "diagnose": "scan.diagnose:diagnose",
    "apply": "scan.apply:apply",
    "profiles": "scan.profiles:profiles",
    "history": "scan.history:history",
    "hosts": "team.hosts:hosts",
    "seats": "team.seats:seats",
    "check": "team.check:check",
    "deadletters": "team.deadletters:deadletters",
    "prune": "admin.prune:prune",
    "demo": "scan.demo:demo",
    "verify": "scan.verify:verify",
    "flower": "admin.flower:flower",
    "acl": "admin.acl:acl",
    "worker": "admin.worker:worker",
}


def make_app(names: Iterable[str] = tuple(COMMANDS)) -> typer.Typer:
    """The application with these commands: to build all takes longer than most commands' start."""
    app = typer.Typer(
        name="times-doctor",
        help="Compare solver settings (profiles) for one TIMES or other model, and say which to use and why.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(_options)
    for name in names:
        place, _, function = COMMANDS[name].partition(":")
        module = import_module(f"times_doctor_cli.commands.{place}")
        settings = getattr(module, "PASS_ON", None)
        epilog = getattr(module, "EXAMPLES", None)
        shape = getattr(module, "SHAPE", None)
        app.command(name, cls=shape, epilog=epilog, context_settings=settings, add_help_option=settings is None)(
            _ending_in_words(getattr(module, function))
        )
    return app


def _options(
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.", is_eager=True)] = False,
) -> None:
    if version:
        sys.stdout.write(f"times-doctor {__version__}\n")
        raise typer.Exit


def run(arguments: Sequence[str], stack: LocalStack | None) -> int:
    """Runs one command line; returns its exit code. `stack` is the local stack that was started for it, if any."""
    _end_politely()
    json_answer.GIVEN.clear()
    app = make_app(arguments[:1] if arguments[:1] and arguments[0] in COMMANDS else COMMANDS)
    try:
        app(list(arguments), prog_name="times-doctor", obj={"stack": stack})
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else exit_codes.OK
        code = exit_codes.CLOSED_PIPE if code == _CLICKS_CLOSED_PIPE else code
        json_answer.end(arguments, _words_of(ending), code)
        return code
    finally:
        if stack is not None:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the rest is short, and must be done
            stack.end()
    return exit_codes.OK


def _words_of(ending: BaseException) -> str:
    """What was wrong: our own error or Click's, which Typer's exits have as a cause or hide; empty without one."""
    error: BaseException | None = ending
    while error is not None:
        if isinstance(error, TimesDoctorError):
            return f"{error} {error.hint}".strip()
        if format_message := getattr(error, "format_message", None):  # Click's, of which Typer has its own copy
            return str(format_message())
        error = error.__cause__ or error.__context__
    return ""


def _end_politely() -> None:
    """SIGTERM and SIGHUP end a command as Ctrl-C does, unless they are ignored (nohup)."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
