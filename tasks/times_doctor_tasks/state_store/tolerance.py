"""Reads that treat a key of a wrong type, or an invalid document, as absent."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Any, TypeVar

from times_doctor_tasks.contract.errors import SchemaMismatch
from times_doctor_tasks.contract.messages import Document, decode

logger = logging.getLogger(__name__)
_Document = TypeVar("_Document", bound=Document)


def answers_of(pipe: Any) -> list[Any]:
    """The answers of a pipeline; None for a key of a wrong type."""
    asked = [words for words, _ in pipe.command_stack]
    answers = pipe.execute(raise_on_error=False)
    for place, answer in enumerate(answers):
        if isinstance(answer, Exception):
            from times_doctor_tasks.state_store.connection import is_wrong_type  # redis: not for who only has words

            if not is_wrong_type(answer):
                raise answer
            _tell_once(str(asked[place][1]), "is of another type")
            answers[place] = None
    return list(answers)


@lru_cache(maxsize=1000)
def _tell_once(key: str, what: str) -> None:
    logger.error("unreadable: the key %s %s", key, what, extra={"action": "key_unreadable"})


def readable(raw: bytes | None, kind: type[_Document], key: str) -> _Document | None:
    """The document of a key; None, logged once, if it cannot be read."""
    try:
        return decode(raw, kind) if raw else None
    except SchemaMismatch:
        if key:
            _tell_once(key, f"holds no {kind.__name__} that this version reads")
        return None
