"""JSON Schemas that guard what we rely on in a channel's payloads.

`jsonschema-rs` says yes or no on every order (microseconds); only a no is explained by `jsonschema`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import jsonschema_rs

from core.connector import Problem
from core.flow import Defect, decode

MAX_EXPLAINED = 20  # problems named for one payload


def load_contract(path: Path) -> Callable[[Any], list[Problem]]:
    """The contract in the JSON Schema file *path* as a function: payload -> what breaks it, with places."""
    schema = decode(path.read_bytes())
    fast = jsonschema_rs.validator_for(schema)
    slow = jsonschema.Draft202012Validator(schema)

    def check(payload: Any) -> list[Problem]:
        try:
            if fast.is_valid(payload):
                return []
        except ValueError:  # a Defect somewhere: the mapping reports it where it is read
            payload = _without_defects(payload)
        problems = []
        for error in slow.iter_errors(payload):
            pointer = "".join(f"/{step}" for step in error.absolute_path)
            problems.append(Problem(code="contract", pointer=pointer, message=error.message[:200]))
            if len(problems) == MAX_EXPLAINED:
                break
        return problems

    return check


def _without_defects(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_defects(item) for key, item in value.items() if not isinstance(item, Defect)}
    if isinstance(value, list):
        return [_without_defects(item) for item in value if not isinstance(item, Defect)]
    return value
