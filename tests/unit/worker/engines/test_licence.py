from __future__ import annotations

from datetime import date

import pytest

from times_doctor_worker.engines.licence import Licence, read_licence

TODAY = date(2026, 11, 23)

# What `gams ? lo=3` of 54.6.1 prints, without the lines that nobody reads.
DEMO = """--- Job ? Start 11/23/26 14:29:39 54.6.1 20a39885 LEX-LEG x86 64bit/Linux
*** License          : /opt/gams/gamslice.txt
*** GAMS Demo, for EULA and demo limitations see   G000000+0000Xx-GEN
*** Licensed platform                             : Generic platforms
*** The installed license is valid.
*** Time-limited license stops working on : Nov 26, 2026
*** Note: For solvers, earlier expiration dates may apply.
*** Status: Normal completion
"""
FULL = DEMO.replace("GAMS Demo, for EULA and demo limitations see  ", "Institute of Energy, Model Group").replace(
    "*** Time-limited license stops working on : Nov 26, 2026\n", ""
)
INVALID = """*** Error: The installed license /opt/gams/gamslice.txt is invalid.
           *** License with wrong platform code.
"""
UNREADABLE = """*** Error: Cannot read license file "/opt/gams/gamslice.txt":
           *** Cannot open license file /opt/gams/gamslice.txt
"""


def test_a_demo_licence_has_its_last_day() -> None:
    licence = read_licence(DEMO, TODAY)

    assert licence == Licence("demo", date(2026, 11, 26), False, "demo licence, until 2026-11-26")
    assert licence.days_left(TODAY) == 3


def test_the_last_day_is_a_day_that_works_and_the_next_is_not() -> None:
    assert not read_licence(DEMO, date(2026, 11, 26)).expired
    assert read_licence(DEMO, date(2026, 11, 27)).expired
    assert read_licence(DEMO, date(2026, 11, 27)).text == "demo licence, ended 2026-11-26"


def test_what_gams_calls_expired_is_expired_whatever_our_clock_says() -> None:
    text = DEMO.replace("*** The installed license is valid.", "*** Time-limited license expired")

    licence = read_licence(text, date(2026, 1, 1))

    assert (licence.kind, licence.expired) == ("demo", True)


def test_a_full_licence_without_an_end_needs_no_word() -> None:
    licence = read_licence(FULL, TODAY)

    assert licence == Licence("full", None, False, "")
    assert licence.days_left(TODAY) is None
    assert licence.warning(TODAY) == ""


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (INVALID, "The installed license /opt/gams/gamslice.txt is invalid."),
        (UNREADABLE, 'Cannot read license file "/opt/gams/gamslice.txt":'),
        ("GAMSX 54.6.1\n", "GAMS does not say why"),
    ],
)
def test_a_licence_that_gams_refuses_is_none_and_says_why(text: str, problem: str) -> None:
    licence = read_licence(text, TODAY)

    assert (licence.kind, licence.text, licence.expired) == ("none", problem, False)
    assert licence.warning(TODAY).startswith(f"GAMS has no valid licence: {problem}")


@pytest.mark.parametrize(
    ("today", "begin"),
    [
        (date(2026, 11, 12), ""),
        (date(2026, 11, 13), "The GAMS demo licence ends in 13 days, on 2026-11-26. A newer gamspy-base"),
        (date(2026, 11, 25), "The GAMS demo licence ends tomorrow. "),
        (date(2026, 11, 26), "The GAMS demo licence ends today. "),
        (date(2026, 11, 27), "The GAMS demo licence ended on 2026-11-26. "),
    ],
)
def test_a_warning_comes_two_weeks_before_the_end(today: date, begin: str) -> None:
    warning = read_licence(DEMO, today).warning(today)

    assert warning.startswith(begin)
    assert bool(warning) == bool(begin)


def test_what_to_do_about_an_ended_demo_licence_holds_for_the_newest_gamspy_base_too() -> None:
    warning = read_licence(DEMO, date(2026, 11, 27)).warning(date(2026, 11, 27))

    assert "if there is one" in warning
    for way in ("--gams-path", "free licence from https://www.gams.com/download/", "`times-doctor scan MODEL.mps`"):
        assert way in warning


def test_a_full_licence_is_renewed_another_way() -> None:
    licence = Licence("full", date(2026, 11, 26), False, "")

    assert "pip" not in licence.warning(TODAY)
    assert "gamslice.txt" in licence.warning(TODAY)


@pytest.mark.parametrize("text", ["Nov 31, 2026", "26 Nov 2026", "Foo 1, 2026", "never"])
def test_a_date_that_we_cannot_read_is_no_date(text: str) -> None:
    licence = read_licence(DEMO.replace("Nov 26, 2026", text), TODAY)

    assert (licence.kind, licence.expires, licence.expired) == ("demo", None, False)
