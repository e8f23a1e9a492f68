from __future__ import annotations

import pytest
from msgspec.structs import replace

from times_doctor_tasks.contract.fingerprint import Fingerprint

STEMS = [f"EQ_{letter}".encode() for letter in "abcdefghijklmnopqrstuvwxyz"]
ONE = Fingerprint.of("one", "LP", 100_000, STEMS, (-3, 4))


def test_no_name_can_be_read_in_a_fingerprint() -> None:
    assert all(len(stem) == 8 and int(stem, 16) >= 0 for stem in (ONE.model, *ONE.stems))
    assert len(ONE.stems) == 16


def test_other_data_of_a_model_are_the_same_model() -> None:
    assert ONE.is_same(Fingerprint.of("one", "LP", 150_000, [*STEMS, b"new"], (-4, 5)))
    assert not ONE.is_same(Fingerprint.of("two", "LP", 100_000, STEMS, (-3, 4)))


@pytest.mark.parametrize(
    ("other", "is_like"),
    [
        (Fingerprint.of("two", "LP", 100_000, STEMS[:20], (-3, 4)), True),
        (Fingerprint.of("two", "LP", 100_000, STEMS), True),
        (Fingerprint.of("two", "MIP", 100_000, STEMS, (-3, 4)), False),
        (Fingerprint.of("two", "LP", 1_000_000, STEMS, (-3, 4)), False),
        (Fingerprint.of("two", "LP", 100_000, STEMS, (-9, 4)), False),
        (Fingerprint.of("two", "LP", 100_000, [stem + b"x" for stem in STEMS]), False),
    ],
)
def test_models_are_alike_by_kind_size_names_and_ranges(other: Fingerprint, is_like: bool) -> None:
    assert ONE.is_like(other) is is_like
    assert other.is_like(ONE) is is_like


def test_models_without_names_are_told_apart_by_the_rest() -> None:
    assert replace(ONE, stems=()).is_like(replace(ONE, stems=()))
