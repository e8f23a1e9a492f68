from __future__ import annotations

import pytest

from tests.unit.tasks.parsers.cases import events_of
from times_doctor_tasks.contract.progress import Phase
from times_doctor_tasks.parsers.events import (
    BarrierIteration,
    ConcurrentWinner,
    ConflictLine,
    ConflictStatus,
    Elapsed,
    ErrorLine,
    FinalObjective,
    GamsStatus,
    JobStarted,
    JobStopped,
    LicenceMessage,
    LogEvent,
    MipNode,
    NumericalSign,
    OptionFileMissing,
    OptionFileRead,
    OptionIgnored,
    OptionSet,
    PhaseStarted,
    SimplexIteration,
    SolveAborted,
    SolverEnded,
    SolverMessage,
    SolverParameter,
    SolverStarted,
    SolverTime,
    SolverVersion,
    SolveStarted,
    SourcePosition,
)
from times_doctor_tasks.parsers.gams.log import GamsLogReader

_EXECUTING = "--- Executing CPLEX (Solvelink=2): elapsed 0:00:00.500\n"
_OLD_SOLVE = r"""--- Executing CPLEX: elapsed 0:00:02.015

IBM ILOG CPLEX   24.8.5 r61358 Released May 10, 2017 WEI x86 64bit/MS Windows
Cplex 12.7.1.0

Reading parameter(s) from "C:\run dir\cplex.opt"
>>  lpmethod 4
>>  advind = 0
>>  names maybe
*** Value Error line 3: Unknown value for option "names"
>>  threads 2
Finished reading from "C:\run dir\cplex.opt"
Reading data...
Starting Cplex...
Tried aggregator 1 time.
LP Presolve eliminated 3 rows and 4 columns.
Reduced LP has 10 rows, 20 columns, and 300 nonzeros.
LP status(1): optimal
Cplex Time: 0.08sec (det. 0.02 ticks)
Optimal solution found.
Objective :         489.000000

--- Reading solution for model cake
"""


def read(text: str) -> list[LogEvent]:
    reader = GamsLogReader()
    return reader.feed(text) + reader.close()


def in_solve(text: str, solver: str = "CPLEX") -> list[LogEvent]:
    """Events of lines inside a solve, without those of its start."""
    return read(_EXECUTING.replace("CPLEX", solver) + text)[3:]


def test_the_echo_and_status_of_older_gams_are_read() -> None:
    events = read(_OLD_SOLVE)
    assert SolverStarted("CPLEX", 2.015) in events
    assert SolverVersion("CPLEX", "12.7.1.0") in events
    assert OptionFileRead(r"C:\run dir\cplex.opt") in events
    assert [event for event in events if isinstance(event, OptionSet)] == [
        OptionSet("lpmethod", "4"),
        OptionSet("advind", "0"),
        OptionSet("threads", "2"),
    ]
    assert OptionIgnored("names maybe", 'Unknown value for option "names"') in events
    assert SolverEnded("LP", 1, "optimal") in events
    assert SolverTime(0.08, 0.02) in events
    assert FinalObjective(489.0) in events


def test_what_the_solver_ignores_or_clamps_is_told() -> None:
    events = in_solve(
        "--- Reading option file '/r/cplex.opt':\n"
        "--- Ignoring 'lpmethod 99': Value '99' is not supported.\n"
        "--- Ignoring 'it's odd': invalid format or invalid option name.\n"
        "--- Setting 'tilim': 1e+75 (orig: 1e99)\n"
        "--- Setting 'SOLUTIONTYPE': 2\n"
    )
    assert events == [
        OptionFileRead("/r/cplex.opt"),
        OptionIgnored("lpmethod 99", "Value '99' is not supported."),
        OptionIgnored("it's odd", "invalid format or invalid option name."),
        OptionSet("tilim", "1e+75", "1e99"),
        OptionSet("SOLUTIONTYPE", "2"),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "--- Reading option file '/r/cplex.opt' failed: Cannot open file.\n",
        '*** Error Cannot open parameter file "/r/cplex.opt"\n',
    ],
)
def test_a_missing_option_file_is_told(line: str) -> None:
    assert in_solve(line) == [OptionFileMissing("/r/cplex.opt", "Cannot open file.")]


def test_links_with_dots_warn_behind_three_stars() -> None:
    events = in_solve("*** Warning: Ignoring 'timelimit abc': Value 'abc' not floating-point.\n", "GUROBI")
    assert events == [OptionIgnored("timelimit abc", "Value 'abc' not floating-point.")]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        (
            "     1 sI       269785.266559VAR_IRE('REG1',2015,201VAR_ACT('REG1',2015,201",
            SimplexIteration(1, "", 269785.266559, "sI"),
        ),
        ("1234567          -12.500000            x(j1)      cov(i2) slack", SimplexIteration(1234567, "", -12.5)),
        (
            "Iteration:     0   Infeasibility     =        266028.367358 (503953)",
            SimplexIteration(0, "Infeasibility", 266028.367358, "", 503953.0),
        ),
        ("Iteration:    56    Objective     =         14946.799122", SimplexIteration(56, "Objective", 14946.799122)),
        (
            "   5   1.0e+00  -2.0e+00  3.0e+00 4.0e+00  5.0e+00",
            BarrierIteration(5, 1.0, -2.0, 3.0, 4.0, 5.0, None),
        ),
        (
            "      0     0   109918.9450    27   109143.0000      Fract: 1       96    0.71%",
            MipNode(0, 0, 109143.0, None, 0.0071, 96),
        ),
        (
            "* 35093+12707                       109290.0000   109811.3479             0.48%",
            MipNode(35093, 12707, 109290.0, 109811.3479, 0.0048),
        ),
        (
            "*     0+    0                            0.0000   188677.0000              --- ",
            MipNode(0, 0, 0.0, 188677.0, None),
        ),
        (
            "   1672     2        cutoff                         43365.0495    21644         ",
            MipNode(1672, 2, None, 43365.0495, None, 21644),
        ),
        (
            "1234567 123456   109918.9450    27 123456789012.0000  1098910918.0935  123456789    0.64%",
            MipNode(1234567, 123456, 123456789012.0, 1098910918.0935, 0.0064, 123456789),
        ),
        (
            "Best integer =   2.451000e+04  Node =       7  Best node =   4.673600e+04",
            MipNode(7, 0, 24510.0, 46736.0, (46736 - 24510) / (24510 + 1e-10)),
        ),
        ("Markowitz threshold set to 0.1", NumericalSign("pivot tolerance raised", 0.1)),
        ("Barrier solved model.", ConcurrentWinner("barrier")),
        (
            "Maximum unscaled bound infeasibility = 7.1e-05",
            NumericalSign("unscaled bound infeasibility", 7.1e-05),
        ),
    ],
)
def test_rows_are_known_by_their_shape(line: str, wanted: LogEvent) -> None:
    assert [event for event in in_solve(line + "\n") if not isinstance(event, PhaseStarted)] == [wanted]


@pytest.mark.parametrize(
    "line",
    [
        "       0.00s (0.56 ticks) for iteration (0.01s, 31 Mflops for lin. solve)",
        "Refinement - orig 1.12e-09, refined 1.12e-09, target 1.05e+06, 0 iter",
        "SupWidth:      1      2      3      4      5      6      7      8      9",
        "  Number:     43      9      4      3      5      4      2      1      1",
        "Reduced MIP has 250 binaries, 0 generals, 0 SOSs, and 0 indicators.",
        "***NOTE: Found 3 dense columns.",
        "   0   nan  nan  nan nan  nan",
    ],
)
def test_what_stands_between_rows_is_no_row(line: str) -> None:
    rows = (SimplexIteration, BarrierIteration, MipNode, ErrorLine)
    assert not [event for event in in_solve(line + "\n") if isinstance(event, rows) and _finite(event)]


def _finite(event: object) -> bool:
    return not isinstance(event, BarrierIteration) or event.primal_objective == event.primal_objective


def test_a_log_that_begins_with_the_solver_is_read() -> None:
    events = read("IBM ILOG CPLEX   54.6.1 20a39885\n\n--- LP status (1): optimal.\nObjective:      1.5\n")
    assert events[0] == SolverStarted("CPLEX")
    assert events[-2:] == [SolverEnded("LP", 1, "optimal"), FinalObjective(1.5)]


def test_a_conflict_is_told_equations_first() -> None:
    events = events_of("own_infeas_iis")
    conflict = [event for event in events if isinstance(event, ConflictLine)]
    assert conflict[0] == ConflictLine("lower: r(i10) > 60.771", "equation")
    assert [event.kind for event in conflict].count("equation") == 10
    assert conflict[-1] == ConflictLine("lower: x(j80) > 0", "variable")
    assert ConflictStatus(31, "minimal conflict") in events
    assert PhaseStarted(Phase.CONFLICT) in events
    assert SolverMessage("Implied bounds make row 'r(i1)' infeasible.") in events


def test_marks_of_ide_mode_are_taken_off() -> None:
    events = read(
        '--- m.gms(10) 3 Mb[FIL:"/r/m.gms",10,0]\n'
        "--- Generating LP model m[LST:20]\n"
        '*** Error 120 in /r/m.gms[ERR:"/r/m.gms",2,3][LST:7]\n'
        "    Unknown identifier entered as set\n"
        "*** Status: Compilation error(s)[LST:36]\n"
    )
    assert events == [
        SourcePosition("m.gms", 10, 3),
        PhaseStarted(Phase.GENERATE, "m"),
        SolveStarted(1, "m", "LP"),
        ErrorLine("Unknown identifier entered as set", "/r/m.gms", 2, 120),
        GamsStatus("Compilation error(s)"),
    ]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("--- >>> ppmain.mod(1357) 118 Mb", SourcePosition("ppmain.mod", 1357, 118)),
        ("--- parscen~0011 (copy).RUN(2101186) 2059 Mb", SourcePosition("parscen~0011 (copy).RUN", 2101186, 2059)),
        ("--- m.gms(351) 94 Mb  11 secs", SourcePosition("m.gms", 351, 94)),
        ("--- e.gms(2) 3 Mb 3 Errors", SourcePosition("e.gms", 2, 3)),
    ],
)
def test_the_place_in_the_source_is_read(line: str, wanted: SourcePosition) -> None:
    assert read(line + "\n") == [wanted]


def test_errors_carry_what_is_indented_below_them() -> None:
    events = read(
        "*** Error 282 in /r/m.gms\n    Unable to open include file\n       Hint: quoted?\n"
        "*** Error at line 36647: Execution halted: abort$1 'text'\n"
        "*** Unable to open output file (RC=2) /r/x.lst\n*** SysMsg: No such file or directory\n"
        "*** *** Error Scratch Directory does not exist:\n*** *** Error /r/\n"
        "*** SOLVE aborted\n*** Errors have been cleared ***\n***\n"
    )
    assert events == [
        ErrorLine("Unable to open include file Hint: quoted?", "/r/m.gms", None, 282),
        ErrorLine("Execution halted: abort$1 'text'", None, 36647),
        ErrorLine("Unable to open output file (RC=2) /r/x.lst: No such file or directory"),
        ErrorLine("Scratch Directory does not exist: /r/"),
        SolveAborted("SOLVE aborted"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "The model exceeds the demo license limits for linear models of more than 2000 rows or columns",
        "Time-limited license expired 1 days ago",
        "Error: The installed license /opt/gams/gamslice.txt is invalid.",
        'Error: Cannot read license file "/opt/gams/gamslice.txt":',
        "GAMS/CPLEX is not licensed",
        "No solver license found",
    ],
)
def test_a_licence_that_does_not_allow_the_run_is_fatal(text: str) -> None:
    [event] = read(f"*** {text}\n")
    assert isinstance(event, LicenceMessage)
    assert event.fatal


def test_a_licence_that_only_says_its_kind_is_not_fatal() -> None:
    [event] = in_solve("*** This solver runs with a demo license. No commercial use.\n")
    assert event == LicenceMessage("This solver runs with a demo license. No commercial use.", fatal=False)


def test_a_nested_job_is_marked_and_an_appended_one_is_not() -> None:
    def job(name: str, what: str) -> str:
        return f"--- Job {name} {what} 11/23/26 12:15:27 54.6.1 20a39885 LEX-LEG x86 64bit/Linux\n"

    events = read(
        job("a.gms", "Start")
        + job("b.gms", "Start")
        + "--- Job b.gms Stop 11/23/26 12:15:28 elapsed 0:00:01.000\n"
        + "--- Job a.gms Stop 11/23/26 12:15:29 elapsed 0:00:02.000\n"
        + job("a.gms", "Start")
        + job("a.gms", "Start")
    )
    started = [event.nested for event in events if isinstance(event, JobStarted)]
    stopped = [(event.job, event.elapsed_s, event.nested) for event in events if isinstance(event, JobStopped)]
    assert started == [False, True, False, False]
    assert stopped == [("b.gms", 1.0, True), ("a.gms", 2.0, False)]
    assert isinstance(events[0], JobStarted)
    assert events[0].julian_date == pytest.approx(46348.5107, abs=1e-4)


def test_gams_own_clock_and_parameters_are_read() -> None:
    events = read(_EXECUTING + "CPXPARAM_LPMethod                                4\n")
    assert events[0] == Elapsed(0.5)
    assert events[-1] == SolverParameter("CPXPARAM_LPMethod", "4")


def test_a_last_line_without_its_end_is_left_out() -> None:
    reader = GamsLogReader()
    assert reader.feed(_EXECUTING + "Objective:      41748")[3:] == []
    assert reader.close() == []
    assert reader.feed("62.37\n") == [FinalObjective(4174862.37)]


@pytest.mark.parametrize(
    ("solver", "phase"), [("CONOPT", Phase.SOLVE), ("NOSUCH", Phase.SOLVE), ("CPLEX", Phase.PRESOLVE)]
)
def test_a_solver_whose_log_nobody_reads_solves_and_does_not_presolve_for_ever(solver: str, phase: Phase) -> None:
    reader = GamsLogReader()
    events = reader.feed(f"--- Executing {solver} (Solvelink=2): elapsed 0:00:00.042\n   a line that says nothing\n")

    assert [event.phase for event in events if isinstance(event, PhaseStarted)] == [phase]
