"""The words of GAMS 54.6.1's own programs, each as a line of its log."""

from __future__ import annotations

import pytest

from times_doctor_tasks.contract.states import Verdict
from times_doctor_tasks.parsers.gams.errors import licence_problem
from times_doctor_tasks.parsers.gams.licence_refusals import why_refused
from times_doctor_tasks.results.verdicts import Findings, judge

LINES = {
    "*** Time-limited license expired 1 days ago": "has ended",
    "*** Node id > 0242ac110002 < does not match license node id > 0242ac110009 <": "another machine",
    "*** User name > jo < does not match license user name id > li <": "another user",
    "*** Number of cores (64) exceeds licensed number of cores (16)": "more cores",
    "*** Total memory (512 Gb) exceeds licensed total memory  (128 Gb)": "more cores or memory",
    "*** Checkout of network licenses expired Nov 20, 2026": "checkout has ended",
    "*** Could not connect to GAMS license server when creating session.": "server gave no licence",
    "*** The access code used is not valid when getting license type.": "server gave no licence",
    "*** Module is 40 days too young for this license - demo only": "newer than its licence",
    "*** The model exceeds the demo license limits for linear models of more than 2000 rows or columns": "larger than",
    "*** Model exceeds demo license size.": "larger than",
    "*** Model exceeds community license size": "larger than",
    "*** X is not included in your license, and the model size exceeds the demo license limits.": "does not include",
    "*** License does not allow to solve model instances.": "does not include",
    "*** Error: Cannot read license file /opt/gams/gamslice.txt:": "no licence file that it can read",
    "*** Error: The installed license /opt/gams/gamslice.txt is invalid.": "not valid for this GAMS",
    "*** License with wrong platform code.": "not valid for this GAMS",
}


@pytest.mark.parametrize("line", LINES)
def test_each_refusal_is_told_by_what_it_is_with_a_next_step(line: str) -> None:
    refusal = why_refused(line)
    assert refusal is not None
    assert LINES[line] in refusal.what
    assert refusal.next_step.endswith(".")


@pytest.mark.parametrize("line", [line for line in LINES if "platform" not in line and "access code" not in line])
def test_each_is_seen_in_a_log(line: str) -> None:
    assert licence_problem(line)


@pytest.mark.parametrize(
    "line",
    [
        "*** This solver runs with a demo license. No commercial use.",
        "*** Time-limited license stops working on : Nov 26, 2026",
        "*** License: /opt/gams/gamslice.txt",
    ],
)
def test_words_about_a_good_licence_are_no_refusal(line: str) -> None:
    assert not licence_problem(line)


def test_the_verdict_says_what_kind_of_refusal_it_was() -> None:
    line = "Node id > a < does not match license node id > b <"
    judgement = judge(None, Findings(ended=True, licence=line), returncode=7)
    assert judgement.verdict is Verdict.LICENCE
    assert judgement.sentence == f"The GAMS licence belongs to another machine (node-locked): {line}."
    assert "--queue --hosts NAME" in judgement.next_step
