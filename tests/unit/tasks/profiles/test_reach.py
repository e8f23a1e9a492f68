from __future__ import annotations

import pytest

from times_doctor_tasks.profiles.option_check import Severity, check_profile
from times_doctor_tasks.profiles.profile import Profile
from times_doctor_tasks.profiles.reach import reaches_out, reaching

#: Engine, solver -> options that write, read, start something or connect.
REACHING = {
    ("highs", "highs"): "read_solution_file read_basis_file write_model_file solution_file write_basis_file "
    "write_presolved_model_file write_iis_model_file mip_improving_solution_file newer_result_file",
    ("gams", "highs"): "solution_file write_model_file solvetrace log_file read_basis_file",
    ("gams", "cplex"): "writeannotation writebas WriteLP writemps writemst writeparam writesav solnpool solnpoolmerge "
    "solnpoolprefix miptrace rngrestart usercgdumplp usergdxin workdir iafile iatriggerfile probread readflt "
    "readparams fixoptfile multobjoptfiles multimipstart solnpoolpopdel solnpoolpoprepeat usercutcall userheurcall "
    "userincbcall userincbicall userlazyconcall userpricingcall usercallparmfile secret tuning",
    ("cplex", "cplex"): "writelp userheurcall workdir",
    ("gams", "gurobi"): "writeprob writeparams resultfile solfiles nodefiledir dumpbcsol probread readparams "
    "workerpool workerpassword tuning cloudaccessid tokenserver",
    ("gams", "xpress"): "basisOut mpsOutputFile mipTrace solnpool tunerOutputPath tunerSessionName tunerMethodFile "
    "knitroOptFile secret",
    ("gams", "copt"): "writebas writebin writelp writemps writemst writenl solnpool solvetrace readparams tuning",
    ("gams", "mosek"): "MSK_SPAR_DATA_FILE_NAME MSK_SPAR_BAS_SOL_FILE_NAME MSK_IPAR_WRITE_MPS_FORMAT writeprob "
    "MSK_SPAR_REMOTE_OPTSERVER_HOST",
    ("gams", "cbc"): "writemps special dumpsolutions",
    ("gams", "someday"): "logfile writeprob readbasis licensepath computeserver heurcall",
}
#: Options whose names sound like it.
HARMLESS = {
    ("highs", "highs"): "solver presolve parallel run_crossover write_solution_style threads hipo_ordering",
    ("gams", "highs"): "solver presolve parallel",
    ("gams", "cplex"): "threads nodefileind tuningtilim solnpoolgap userkeep objrng mipstopexpr",
    ("gams", "gurobi"): "nodefilestart poolsearchmode tunetimelimit",
    ("gams", "mosek"): "MSK_IPAR_NUM_THREADS",
    ("gams", "someday"): "profile writeformat threads execution",
}


def pairs(table: dict[tuple[str, str], str]) -> list[tuple[str, str, str]]:
    return [(*who, name) for who, names in table.items() for name in names.split()]


@pytest.mark.parametrize(("engine", "solver", "name"), pairs(REACHING))
def test_what_names_files_programs_or_networks_is_an_error(engine: str, solver: str, name: str) -> None:
    line = f"{name} = /tmp/x"
    assert reaches_out(engine, solver, name)
    found = check_profile(Profile("x", solver, f"\n{line}\n", engine=engine, origin="x.opt"), versions=["99.0"])
    assert [(one.severity, one.line, one.name) for one in found] == [(Severity.ERROR, 2, name)]
    assert "names a file, a program or a network" in found[0].words("x.opt")


@pytest.mark.parametrize(("engine", "solver", "name"), pairs(HARMLESS))
def test_what_only_sounds_like_it_is_none(engine: str, solver: str, name: str) -> None:
    assert not reaches_out(engine, solver, name)


@pytest.mark.parametrize(
    "text",
    [
        '"solution_file" = x',
        "'solution_file' = x",
        "\tsolution_file\t=\tx",
        "threads = 1\rsolution_file = x",
        "\ufeffsolution_file=x",
        "log_file = /tmp/x",
        "log_file = ../x",
        r"log_file = C:\x",
    ],
)
def test_no_spelling_gets_past(text: str) -> None:
    assert len(list(reaching(text, "highs", "highs"))) == 1


@pytest.mark.parametrize("line", ["log_file = my.log", 'log_file = "my.log"'])
def test_a_plain_log_file_of_highs_is_only_left_out(line: str) -> None:
    (found,) = check_profile(Profile("x", "highs", line, engine="highs", origin="x.opt"))
    assert (found.severity, found.line, found.name) == (Severity.WARNING, 1, "log_file")


def test_an_option_without_a_value_names_nothing_for_highs() -> None:
    assert list(reaching("solution_file =\nlog_file =\n", "highs", "highs")) == []
    assert list(reaching("writelp\n", "cplex", "gams")) == [(1, "writelp", "")]
