"""`--gams-arg NAME=VALUE`: compile-time variables that are set only on GAMS's command line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib.resources import files

from times_doctor_tasks.contract.errors import UsageError
from times_doctor_tasks.snapshot.manifest import is_parameter_value

_ARGUMENT = re.compile(r"([A-Za-z_]\w{0,62})=(.*)", re.DOTALL | re.ASCII)
_NUMBER = re.compile(r"\d+$")
#: Compile-time variables that the worker sets itself.
_OURS = frozenset({"err_abort"})


def parse_gams_args(texts: Iterable[str]) -> dict[str, str]:
    """The values of `--gams-arg`, by name.

    >>> parse_gams_args(["CASE=high", "in=data/x.gdx"])
    {'CASE': 'high', 'in': 'data/x.gdx'}

    Raises:
        UsageError: one is not NAME=VALUE, cannot be sent, or is given twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        match = _ARGUMENT.fullmatch(text)
        if match is None:
            raise UsageError(
                f"--gams-arg {text!r}: expected NAME=VALUE, NAME of letters, digits and _ without dashes: CASE=high."
            )
        name, value = match.groups()
        if name.lower() in _OURS:
            raise UsageError(f"--gams-arg {text!r}: times-doctor sets {name.upper()} itself. Leave it out.")
        if not is_parameter_value(value):
            raise UsageError(f"--gams-arg {name}: its value is too long or not printable; expected one line of text.")
        if name.lower() in {known.lower() for known in found}:
            raise UsageError(f"--gams-arg {name} is given twice. Leave one of them out.")
        found[name] = value
    return found


def refuse_own_parameters(given: Mapping[str, str], mentioned: Iterable[str]) -> None:
    """Rejects names of GAMS parameters: `--LP=cplex` would have no effect.

    Args:
        mentioned: Variables in the model's text, in lower case: `%case%` is one, although GAMS has a parameter of
            that name.

    Raises:
        UsageError: a name is a parameter of GAMS, and no variable of this model.
    """
    unknown = [name for name in given if name.lower() not in set(mentioned)]
    own = _parameters_of_gams() if unknown else set()
    for name in unknown:
        if {name.lower(), _NUMBER.sub("#", name.lower())} & own:
            raise UsageError(
                f"--gams-arg {name}={given[name]}: {name} is a parameter of GAMS itself, and no variable %{name}% of "
                "this model. times-doctor has its own: --solver, --threads, --timeout-seconds, --times-src, --restart, "
                "--include, --out. Leave it out."
            )


def _parameters_of_gams() -> set[str]:
    lines = files(__package__).joinpath("parameters.txt").read_text("utf-8").splitlines()
    return {name for line in lines if not line.startswith("#") for name in line.split()}
