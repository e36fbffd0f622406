"""Records as bytes: one JSON object a line, UTF-8, Chinese as it is.

Contract: whatever is given, the line is one line of valid JSON, holds no character that steers a terminal, and is no
longer than RECORD_BYTES_MAX.
"""

from __future__ import annotations

import json
import math
import re
import socket
import time
import traceback
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

# Longest text of a field: a stack of some 80 frames. Receivers take lines of a few hundred KiB at least.
FIELD_BYTES_MAX = 8 << 10
# Longest record; above it, only the fields of the contract stay.
RECORD_BYTES_MAX = 64 << 10
# Most fields a caller may add, how deep they may nest, and how many values they may be in all. More is data, not a log
# line, and the caller waits while it is written.
EXTRA_FIELDS_MAX = 64
DEPTH_MAX = 4
VALUES_MAX = 1000

# Control characters (but line feed and tab), line separators of Unicode, and surrogates, which are no text.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_UNSAFE_IN_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# What a path could put JSON into a message with.
_QUOTED = {ord(c): f"%{ord(c):02X}" for c in ' "{}'}

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


def text(value: str) -> str:
    """Text of several lines."""
    return _cut(_UNSAFE.sub("", value) if _UNSAFE.search(value) else value)


def line_text(value: str) -> str:
    """Text of one line."""
    return _cut(_UNSAFE_IN_LINE.sub("", value) if _UNSAFE_IN_LINE.search(value) else value)


def for_message(path: str) -> str:
    """A path that cannot be read as anything else inside of a message."""
    return path.translate(_QUOTED)


def _cut(value: str) -> str:
    if len(value) * 4 <= FIELD_BYTES_MAX:
        return value
    data = value.encode()
    return value if len(data) <= FIELD_BYTES_MAX else data[:FIELD_BYTES_MAX].decode(errors="ignore")


def _cut_front(value: str) -> str:
    data = value.encode()
    return value if len(data) <= FIELD_BYTES_MAX else data[-FIELD_BYTES_MAX:].decode(errors="ignore")


class _Room:
    """How many values still fit."""

    def __init__(self) -> None:
        self.left = VALUES_MAX

    def take(self, values: Iterable[Any]) -> list[Any]:
        taken = list(islice(values, min(EXTRA_FIELDS_MAX, self.left)))
        self.left -= len(taken)
        return taken


def plain(value: Any, room: _Room, depth: int = 0) -> Any:
    """A value of any kind as JSON can say it."""
    if isinstance(value, str):
        return text(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if value.bit_length() <= 64 else text(_words(value))
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    if isinstance(value, Mapping) and depth < DEPTH_MAX:
        return {text(_words(key)): plain(item, room, depth + 1) for key, item in room.take(value.items())}
    if isinstance(value, (list, tuple, set, frozenset)) and depth < DEPTH_MAX:
        return [plain(item, room, depth + 1) for item in room.take(value)]
    return text(_words(value))


def _words(value: Any) -> str:
    try:
        return str(value)
    except Exception as error:
        return f"<{type(value).__name__} without words: {type(error).__name__}>"


def error_fields(error: BaseException) -> dict[str, str]:
    """Type, message and stack of an exception. Of a long stack the end stays: there it happened.

    Task groups wrap what failed in a group; of one exception, that one is told."""
    inner = getattr(error, "exceptions", None)
    if isinstance(inner, tuple) and len(inner) == 1 and isinstance(inner[0], BaseException):
        return error_fields(inner[0])
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    try:
        stack = "".join(traceback.format_exception(kind, error, error.__traceback__, limit=-50))
    except Exception:
        stack = ""
    stack = _UNSAFE.sub("", stack)
    return {"type": text(name), "message": text(_words(error)), "stack": _cut_front(stack)}


_second: tuple[int, str] = (0, "1970-01-01T00:00:00")


def timestamp(at: float | None = None) -> str:
    """RFC 3339 in UTC with milliseconds."""
    global _second
    millis = int((time.time() if at is None else at) * 1000)
    second = millis // 1000
    known = _second
    if known[0] != second:
        known = _second = (second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)))
    return f"{known[1]}.{millis % 1000:03d}Z"


def hostname() -> str:
    """This machine's name; of a container, its id."""
    return line_text(socket.gethostname())


def line(fields: dict[str, Any], extra: Mapping[str, Any] | None = None) -> bytes:
    """The record's line. `extra` is what callers added: it never hides a field of the contract."""
    whole, room = dict(fields), _Room()
    for name, value in room.take((extra or {}).items()):
        name = text(_words(name))
        whole[f"extra_{name}" if name in fields else name] = plain(value, room)
    encoded = _encode(whole).encode()
    if len(encoded) >= RECORD_BYTES_MAX:
        encoded = _encode({**fields, "fields_left_out": len(extra or ())}).encode()
    return encoded + b"\n"
