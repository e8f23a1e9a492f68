from __future__ import annotations

import lzma
from importlib.resources import files
from pathlib import Path

import highspy
import pytest
from tools.sample.__main__ import large_plan, small_plan, system
from tools.sample.data import mean_weather, read_system
from tools.sample.mps import build_plan

from times_doctor_cli.demo.files import LP_FILE, SMALL_FILE

#: Cost of the design year as GAMS and CPLEX's dual simplex give it, MEUR.
DESIGN_COST = 123649.045223197


def test_lp_file_of_the_package_is_made_of_the_data_of_the_model() -> None:
    packed = files("times_doctor_cli.demo").joinpath(LP_FILE).read_bytes()
    assert lzma.decompress(packed) == large_plan(), "data or generator changed: python -m tools.sample"
    packed = files("times_doctor_cli.demo").joinpath(SMALL_FILE).read_bytes()
    assert lzma.decompress(packed) == small_plan(), "data or generator changed: python -m tools.sample"


def test_data_reader_takes_records_tables_and_comments() -> None:
    data = read_system(
        [
            "* SET X is not one /\nSET LIN lines /\n'A-B' 'a line'\n'B-C'\n/;\n",
            "PARAMETER CAP /\n* GW\n'A'.'SPV' 1.5\n/;\nTABLE AVA(HOUR,AREA)\n      WC   NP\n'R01'  0.25  1\n;\n",
        ]
    )

    assert data.names("LIN") == ["A-B", "B-C"]
    assert data.value("CAP", "A", "SPV") == 1.5
    assert data.value("CAP", "B", "SPV") == 0.0
    assert data.parameters["AVA"] == {("R01", "WC"): 0.25, ("R01", "NP"): 1.0}


def test_design_year_costs_in_highs_what_it_costs_in_gams(tmp_path: Path) -> None:
    data = system()
    model = tmp_path / "design.mps"
    model.write_text("".join(build_plan(data, [mean_weather(data, "design", data.names("WY"), weight=1)]).mps()))

    highs = highspy.Highs()  # type: ignore[no-untyped-call]  # highspy is typed in part
    highs.setOptionValue("output_flag", False)
    highs.readModel(str(model))
    highs.run()

    assert highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
    assert highs.getObjectiveValue() == pytest.approx(DESIGN_COST, rel=1e-7)
