"""Texts that strangers wrote, on a terminal: every character that is not plain to see is shown by its number."""

from __future__ import annotations

import re

_PARTS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s"\[\]{},:]+', re.DOTALL)
_DEEPEST = 40  # levels that are indented; what is nested deeper stays at that margin


def harmless(text: str) -> str:
    """*text* without control, format and direction characters; no line breaks either."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def indented(text: str) -> str:
    """JSON with a line for each value, and nothing else changed: not a digit, not a doubled key. Other text as it is."""
    from core.flow import DecodeError, decode

    try:
        decode(text.encode("utf-8", "surrogatepass"))
    except DecodeError:
        return text
    lines, line, depth = [], "", 0
    parts = _PARTS.findall(text)
    for part, following in zip(parts, [*parts[1:], ""], strict=True):
        if part in "]}":
            depth -= 1
        line += part
        if part == ":":
            line += " "
        if part in "[{":
            depth += 1
        empty = part in "[{" and following in ("]", "}")
        if (part in "[{" and not empty) or part == "," or (following in ("]", "}") and not empty):
            lines.append(line)
            line = "  " * min(depth - (following in ("]", "}")), _DEEPEST)
    return "\n".join([*lines, line])
