"""The command line: one Typer application, one module per command, exit codes in one place."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
import typer

from times_doctor_cli import exit_codes
from times_doctor_cli.commands import demo, profiles, report, scan
from times_doctor_cli.console import fail
from times_doctor_tasks.errors import TimesDoctorError

if TYPE_CHECKING:
    from times_doctor_cli.local.stack import LocalStack

app = typer.Typer(
    name="times-doctor",
    help="Run one TIMES/VEDA model under several solver profiles and learn which one to use and why.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("scan", epilog=scan.EXAMPLES)(scan.scan)
app.command("report")(report.report)
app.command("profiles")(profiles.profiles)
app.command("demo")(demo.demo)


@app.callback(invoke_without_command=True)
def _options(version: bool = typer.Option(False, "--version", help="Show the version and exit.", is_eager=True)) -> None:
    if version:
        from importlib.metadata import version as installed  # 70 ms that nobody else should wait for

        sys.stdout.write(f"times-doctor {installed('times-doctor')}\n")
        raise typer.Exit


def run(arguments: Sequence[str], stack: LocalStack | None) -> int:
    """Runs one command line; returns its exit code. `stack` is the local stack that was started for it, if any."""
    context = {"stack": stack}
    try:
        code = app(list(arguments), prog_name="times-doctor", standalone_mode=False, obj=context)
        return int(code or 0)
    except click.ClickException as error:
        error.show()
        return exit_codes.USAGE
    except (click.Abort, KeyboardInterrupt):
        return exit_codes.INTERRUPTED
    except TimesDoctorError as error:
        fail(error)
        return exit_codes.of_error(error)
    except BrokenPipeError:
        # `| head` closed our output; nothing more can be said, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exit_codes.INTERRUPTED
    finally:
        if stack is not None:
            stack.end(at_once=False)
