"""The GraphQL documents of this connector, each with the fragments it uses; sends none of them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).with_name("queries")
_FRAGMENT = re.compile(r"fragment (\w+) on .*?^}", re.DOTALL | re.MULTILINE)
_SPREAD = re.compile(r"\.\.\.(?!\s*on\b)\s*(\w+)")
_COMMENT = re.compile(r"^\s*#.*$", re.MULTILINE)


def names() -> list[str]:
    """Every operation there is, by the name of its file."""
    return sorted(
        path.stem for path in _FOLDER.glob("*.graphql") if not _FRAGMENT.search(path.read_text("utf-8"))
    )


@cache
def document(name: str) -> str:
    """The operation in `queries/NAME.graphql` with its fragments, on one line."""
    text = (_FOLDER / f"{name}.graphql").read_text("utf-8")
    known = _fragments()
    wanted = _SPREAD.findall(text)
    used: dict[str, str] = {}
    while wanted:
        fragment = wanted.pop()
        if fragment not in used:
            used[fragment] = known[fragment]
            wanted += _SPREAD.findall(known[fragment])
    whole = "\n".join([text, *(used[fragment] for fragment in sorted(used))])
    return " ".join(_COMMENT.sub("", whole).split())


@cache
def _fragments() -> dict[str, str]:
    texts = (path.read_text("utf-8") for path in sorted(_FOLDER.glob("*.graphql")))
    return {match[1]: match[0] for text in texts for match in _FRAGMENT.finditer(text)}
