from __future__ import annotations

from times_doctor_tasks.parsers.events import ErrorLine
from times_doctor_tasks.parsers.gams.listing import read_listing
from times_doctor_tasks.parsers.solves.solve import Range

_OLD = """GAMS 24.8.5  r61358 Released May 10, 2017 WEX-WEI x86 64bit/MS Windows 04/21/18 16:27:58 Page 4
G e n e r a l   A l g e b r a i c   M o d e l i n g   S y s t e m
Model Statistics    SOLVE shipping Using LP From line 33


MODEL STATISTICS

BLOCKS OF EQUATIONS           3     SINGLE EQUATIONS        1,010
BLOCKS OF VARIABLES           2     SINGLE VARIABLES           21
NON ZERO ELEMENTS            59     DISCRETE VARIABLES          4


               S O L V E      S U M M A R Y

     MODEL   shipping            OBJECTIVE  z
     TYPE    MIP                 DIRECTION  MAXIMIZE
     SOLVER  CPLEX               FROM LINE  33

**** SOLVER STATUS     1 Normal Completion         \r
**** MODEL STATUS      4 Infeasible                \r
**** OBJECTIVE VALUE                1.0000

 RESOURCE USAGE, LIMIT          0.625      1000.000
 ITERATION COUNT, LIMIT         0    2000000000

IBM ILOG CPLEX   24.8.5 r61358 Released May 10, 2017 WEI x86 64bit/MS Windows
Cplex 12.7.1.0

Reading parameter(s) from "C:\\run\\cplex.opt"
>>           lpmethod 3
Finished reading from "C:\\run\\cplex.opt"
LP status(3): infeasible
Model has been proven infeasible.

                       LOWER     LEVEL     UPPER    MARGINAL

---- EQU cost            .         .         .       -1.000

**** REPORT SUMMARY :        0     NONOPT
                             1 INFEASIBLE (INFES)


**** FILE SUMMARY

Input      C:\\run\\shipping.gms
Output     C:\\run\\shipping.lst
"""


def _lines(text: str) -> list[str]:
    return text.split("\n")


def test_a_listing_of_an_older_gams_is_read() -> None:
    listing = read_listing(_lines(_OLD))
    [solve] = listing.solves
    assert (solve.model, solve.model_type, solve.solver, solve.maximise) == ("shipping", "MIP", "CPLEX", True)
    assert (solve.solver_status, solve.solver_status_text) == (1, "Normal Completion")
    assert (solve.model_status, solve.model_status_text) == (4, "Infeasible")
    assert (solve.objective, solve.iterations, solve.solver_time_s) == (1.0, 0, 0.625)
    assert (solve.rows, solve.columns, solve.nonzeros, solve.discrete_columns) == (1010, 21, 59, 4)
    assert (solve.lp_status, solve.lp_status_text) == (3, "infeasible")
    assert listing.options.taken == {("lpmethod", "3"): None}
    assert (listing.gams_version, listing.input_file) == ("24.8.5", "C:\\run\\shipping.gms")
    assert listing.complete


def test_every_solve_is_kept_with_its_own_ranges() -> None:
    block = """RANGE STATISTICS (ABSOLUTE NON-ZERO FINITE VALUES)
RHS       [min, max] : [ 1.241E+01, 1.280E+05] - Zero values observed as well
Bound     [min, max] : [        NA,        NA] - Zero values observed as well
Matrix    [min, max] : [ 5.000E-02, {top}]
               S O L V E      S U M M A R Y
     MODEL   m                   OBJECTIVE  z
     TYPE    LP                  DIRECTION  MINIMIZE
     SOLVER  CPLEX               FROM LINE  5
**** SOLVER STATUS     1 Normal Completion
**** MODEL STATUS      {status} Words
**** OBJECTIVE VALUE               NA
"""
    text = "".join(block.format(top=f"{n}.000E+04", status=n) for n in (1, 3, 4))
    listing = read_listing(_lines(text))
    assert [solve.model_status for solve in listing.solves] == [1, 3, 4]
    assert [solve.matrix for solve in listing.solves] == [Range(0.05, n * 1e4) for n in (1, 3, 4)]
    assert listing.solves[0].bounds == Range(None, None)
    assert listing.solves[0].objective is None
    assert not listing.complete


def test_compile_errors_name_the_innermost_file_and_line() -> None:
    text = """   7  source
****                   $148$334
**** LINE      3 BATINCLUDE  /scratch/run/zz.dd
**** LINE     38 INPUT       /scratch/run/scen.run
**** 148  Dimension different - The symbol is referenced with more/less
****         indices as declared
**** 334  Illegal data following a data element - rest ignored
   12  p(i)$ = 3;
****        $36
****  36  '=' or '..' or ':=' or '$=' operator expected
**** 3 ERROR(S)   0 WARNING(S)
**** FILE SUMMARY
Input      /scratch/run/scen.run
"""
    listing = read_listing(_lines(text))
    assert listing.compile_errors == (
        ErrorLine(
            "Dimension different - The symbol is referenced with more/less indices as declared",
            "/scratch/run/zz.dd",
            3,
            148,
        ),
        ErrorLine("Illegal data following a data element - rest ignored", "/scratch/run/zz.dd", 3, 334),
        ErrorLine("'=' or '..' or ':=' or '$=' operator expected", "/scratch/run/scen.run", 12, 36),
    )


def test_an_aborted_solve_is_one_without_statuses() -> None:
    text = """**** Exec Error at line 2: division by zero (0)
**** SOLVE from line 238 ABORTED, EXECERROR = 1
**** USER ERROR(S) ENCOUNTERED
"""
    listing = read_listing(_lines(text))
    [solve] = listing.solves
    assert solve.aborted
    assert solve.model_status is None
    assert listing.execution_errors == (ErrorLine("division by zero (0)", None, 2),)
    assert listing.user_errors


def test_the_status_file_of_a_crashed_solver_is_no_report() -> None:
    text = """               S O L V E      S U M M A R Y
     SOLVER  CPLEX               FROM LINE  16
**** SOLVER STATUS     13 System Failure
**** MODEL STATUS      13 Error No Solution
**** SOLVER STATUS FILE LISTED BELOW
=1
--- LP status (1): optimal.
**** MODEL STATUS      1 Optimal
**** SOLVER STATUS FILE LISTED ABOVE
"""
    [solve] = read_listing(_lines(text)).solves
    assert (solve.model_status, solve.solver_status, solve.lp_status) == (13, 13, None)


def test_a_licence_stop_ends_a_listing() -> None:
    text = """**** The model exceeds the demo license limits for linear models of more than 2000 rows or columns
GENERATION TIME      =        0.033 SECONDS     11 MB
**** Terminated due to a licensing error
**** License file: /opt/gams/gamslice.txt
"""
    listing = read_listing(_lines(text))
    assert listing.licence == (
        "The model exceeds the demo license limits for linear models of more than 2000 rows or columns"
    )
    assert listing.complete


def test_a_summary_cut_before_its_model_status_is_no_solve() -> None:
    cut = _OLD[: _OLD.index("**** MODEL STATUS")]
    listing = read_listing(_lines(cut)[:-1])
    assert listing.solves == ()
    assert listing.solve_begun
