"""Whose line is it? What every log line of a request carries, from its handler, its tasks and its threads alike."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from contextvars import ContextVar
from typing import Any

from .record import line_text

_REQUEST_ID = re.compile(rb"[A-Za-z0-9_.:+/=-]{1,128}")
_TRACEPARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")
# Longest tracestate that is handed on (W3C asks for 512 at least).
_TRACESTATE_BYTES_MAX = 512


class RequestContext:
    """One request (or websocket) under way."""

    def __init__(self, given_id: bytes | None, traceparent: bytes | None, tracestate: bytes | None) -> None:
        sound = given_id is not None and _REQUEST_ID.fullmatch(given_id)
        self.request_id: str = given_id.decode() if sound and given_id else os.urandom(16).hex()
        self.trace_id: str | None = None
        self.span_id: str | None = None
        self.route: str | None = None
        self._traceparent: str | None = None
        self._tracestate: str | None = None
        self._user_id: Any = None
        self._state: Any = None
        self._key: bytes | None = None
        if traceparent is not None:
            self._follow(traceparent, tracestate)

    def _follow(self, traceparent: bytes, tracestate: bytes | None) -> None:
        """W3C Trace Context: a header that is wrong in any way is as good as none."""
        found = _TRACEPARENT.fullmatch(traceparent)
        if not found:
            return
        version, trace, span, more = found.groups()
        if version == b"ff" or (version == b"00" and more) or not trace.strip(b"0") or not span.strip(b"0"):
            return
        self.trace_id, self.span_id = trace.decode(), span.decode()
        self._traceparent = traceparent[:55].decode()
        if tracestate and len(tracestate) <= _TRACESTATE_BYTES_MAX:
            self._tracestate = tracestate.decode("latin-1")

    def know_users_by(self, state: Any, key: bytes | None) -> None:
        """Where the shop leaves its user, and the key that hides him."""
        self._state, self._key = state, key

    def set_user_id(self, user_id: Any) -> None:
        self._user_id = user_id

    @property
    def user_id(self) -> str | None:
        """The user, if he is known by now, hidden if the shop wants that."""
        user_id = self._user_id
        if user_id is None and isinstance(self._state, dict):
            user_id = self._state.get("user_id")
        if user_id is None:
            return None
        words = line_text(str(user_id))
        if self._key is None:
            return words
        return hmac.new(self._key, words.encode(), hashlib.sha256).hexdigest()[:16]

    def headers(self) -> dict[str, str]:
        headers = {"X-Request-ID": self.request_id}
        if self._traceparent:
            headers["traceparent"] = self._traceparent
        if self._tracestate:
            headers["tracestate"] = self._tracestate
        return headers

    def fields(self) -> dict[str, Any]:
        """What a log line of this request carries."""
        fields: dict[str, Any] = {"request_id": self.request_id}
        if self.trace_id:
            fields["trace_id"], fields["span_id"] = self.trace_id, self.span_id
        user_id = self.user_id
        if user_id is not None:
            fields["user_id"] = user_id
        return fields


current: ContextVar[RequestContext | None] = ContextVar("lingshao_request", default=None)


def request_id() -> str | None:
    """The caller's `X-Request-ID`, or the one made for this request; None outside of one."""
    context = current.get()
    return context.request_id if context else None


def trace_id() -> str | None:
    """The trace that the caller's `traceparent` names."""
    context = current.get()
    return context.trace_id if context else None


def set_user_id(user_id: Any) -> None:
    """Whose request it is, from here on. Outside of a request it does nothing."""
    context = current.get()
    if context:
        context.set_user_id(user_id)


def set_route(template: str) -> None:
    """The route's template, where the framework tells none. Never a path or an id: it becomes a label of metrics."""
    context = current.get()
    if context:
        context.route = template


def outgoing_headers() -> dict[str, str]:
    """Headers for calls to other services, so that their records join ours."""
    context = current.get()
    return context.headers() if context else {}
