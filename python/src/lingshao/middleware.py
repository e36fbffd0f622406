"""The request record: one JSON object for each request, when its last byte is out or it can no longer come.

Contract: never fails a request, never makes one wait, and says truly how it ended:

| what happened                          | status_code        | aborted | level                          |
|----------------------------------------|--------------------|---------|--------------------------------|
| answered                               | as answered        | false   | 5xx ERROR, 4xx WARNING, or INFO |
| the application raised before an answer | 500               | false   | ERROR                          |
| it raised in the middle of the body    | 500, `status_sent` | true    | ERROR                          |
| the client left before the answer      | 499                | true    | WARNING                        |
| the client left during the body        | as answered        | true    | WARNING                        |
"""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Iterable
from time import perf_counter
from typing import Any, Callable

from . import context
from .client import TrustedProxies
from .context import RequestContext
from .logs import Settings, take_over_servers
from .record import error_fields, for_message, hostname, line, line_text, timestamp
from .route import NO_ROUTE, template
from .sender import Sender, finish, sender_to

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# Paths that say nothing about customers. `/health*` would be too wide: shops sell health food.
EXCLUDED = ("/metrics", "/metrics/*", "/health", "/health/*", "/healthz", "/livez", "/readyz")
# Headers that are never recorded: they let whoever reads the log act as the customer.
_SECRET_HEADERS = frozenset(
    ("authorization", "cookie", "proxy-authorization", "set-cookie", "x-api-key", "x-auth-token")
)
# Where it stands in the scope that a request is recorded.
_MARK = "lingshao"
# Mobile numbers of mainland China.
_PHONE = re.compile(r"(?<![0-9])(1[3-9][0-9])[0-9]{4}([0-9]{4})(?![0-9])")


class LingshaoMiddleware:
    """Records the requests of an ASGI application.

    - `service`: the field of this name; by default that of `configure_logging`.
    - `log_to`: `stdout` or `tcp://HOST:PORT`; by default that of `configure_logging`.
    - `trusted_proxies`: networks whose `X-Forwarded-For` is believed, and `unix` for a proxy on a unix socket.
    - `exclude`: paths without a record; a `*` at the end stands for anything.
    - `headers`: request headers to record, by name. None by default; those that carry secrets are refused.
    - `user_id`: finds the user in the scope; by default `request.state.user_id` and `lingshao.set_user_id()`.
    - `user_id_key`: a secret; with it, user ids are recorded as keyed hashes, the same for the same user.
    - `mask_phones`: mobile numbers in paths become `138****1234`.
    """

    def __init__(
        self,
        app: App,
        service: str | None = None,
        *,
        log_to: str | None = None,
        trusted_proxies: Iterable[str] = (),
        exclude: Iterable[str] = EXCLUDED,
        headers: Iterable[str] = (),
        user_id: Callable[[Scope], Any] | None = None,
        user_id_key: str | bytes | None = None,
        mask_phones: bool = False,
    ) -> None:
        self.app = app
        self._service = service
        self._log_to = log_to
        if log_to:
            sender_to(log_to)
        self.proxies = TrustedProxies(trusted_proxies)
        exclude = [exclude] if isinstance(exclude, str) else list(exclude)
        self._excluded_paths = frozenset(path for path in exclude if not path.endswith("*"))
        self._excluded_prefixes = tuple(path[:-1] for path in exclude if path.endswith("*"))
        self.headers = {name.encode("latin-1"): name for name in _lawful(headers)}
        self.user_id = user_id
        self.user_id_key = user_id_key.encode() if isinstance(user_id_key, str) else user_id_key
        self.mask_phones = mask_phones
        self.host = hostname()

    @property
    def service(self) -> str:
        return self._service or Settings.service

    @property
    def sender(self) -> Sender:
        return sender_to(self._log_to or Settings.log_to)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "lifespan":
            await self.app(scope, receive, self._lifespan(send))
            return
        exchange = self._exchange(kind, scope, receive, send)
        if exchange is None:
            await self.app(scope, receive, send)
            return
        before = context.current.get()
        context.current.set(exchange.context)
        try:
            await self.app(scope, exchange.receive, exchange.send)
        except BaseException as error:
            # The context stays, so that the server's words about this error carry the request's id.
            exchange.raised(error)
            raise
        context.current.set(before)
        exchange.returned()

    def _exchange(self, kind: str, scope: Scope, receive: Receive, send: Send) -> Exchange | None:
        """None where nothing is recorded."""
        exchange = {"http": HttpExchange, "websocket": WebSocketExchange}.get(kind)
        path = scope.get("path") or ""
        # Marked: this middleware stands around an outer application too.
        if exchange is None or self._excludes(path) or _MARK in scope:
            return None
        try:
            scope[_MARK] = True
            return exchange(self, scope, receive, send)
        except Exception:
            self.sender.count_drop()  # A scope that breaks us need not break the shop.
            return None

    def _excludes(self, path: str) -> bool:
        prefixes = self._excluded_prefixes
        return path in self._excluded_paths or bool(prefixes) and path.startswith(prefixes)

    def _lifespan(self, send: Send) -> Send:
        async def watched(message: Message) -> None:
            kind = message["type"]
            if kind == "lifespan.startup.complete":
                take_over_servers()
            elif kind.startswith("lifespan.shutdown."):
                finish()  # Every request has ended: nobody else waits for this thread.
            await send(message)

        return watched


def _lawful(headers: Iterable[str]) -> list[str]:
    names = [name.strip().lower() for name in ([headers] if isinstance(headers, str) else headers)]
    for name in names:
        if name in _SECRET_HEADERS:
            raise ValueError(f"headers: `{name}` carries secrets and is never recorded; take it off the list")
    return names


class Exchange:
    """A request or a websocket under way."""

    def __init__(self, options: LingshaoMiddleware, scope: Scope, receive: Receive, send: Send) -> None:
        self.begun = perf_counter()
        self.options, self.scope = options, scope
        self._receive, self._send = receive, send
        self.root_path: str = scope.get("root_path") or ""
        # The server's path: mounts and frameworks leave it, but a rewriting middleware may not.
        self.path: str = scope.get("path") or ""
        self.told = False
        self._read_headers(scope.get("headers") or ())
        state = scope.setdefault("state", {})  # Now, so that a copy of the scope shares it.
        self.context.know_users_by(state, options.user_id_key)

    def _read_headers(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        found: dict[bytes, bytes] = {}
        forwarded: list[bytes] = []
        for name, value in headers:
            if name == b"x-forwarded-for":
                forwarded.append(value)
            else:
                found.setdefault(name, value)
        self.context = RequestContext(found.get(b"x-request-id"), found.get(b"traceparent"), found.get(b"tracestate"))
        agent = found.get(b"user-agent")
        self.user_agent = line_text(agent.decode("utf-8", "replace")) if agent else None
        client = self.scope.get("client")
        self.client_ip = self.options.proxies.client_ip(client[0] if client else None, forwarded)
        chosen = self.options.headers
        self.chosen = {
            name: line_text(found[raw].decode("utf-8", "replace")) for raw, name in chosen.items() if raw in found
        }

    async def receive(self) -> Message:
        raise NotImplementedError

    async def send(self, message: Message) -> None:
        raise NotImplementedError

    def raised(self, error: BaseException) -> None:
        raise NotImplementedError

    def returned(self) -> None:
        raise NotImplementedError

    def common(self, logger: str, level: str) -> dict[str, Any]:
        """The beginning of every record."""
        options = self.options
        return {
            "timestamp": timestamp(),
            "level": level,
            "logger": logger,
            "message": "",
            "service": line_text(options.service),
            "host": options.host,
            "pid": os.getpid(),
        }

    def whose(self) -> dict[str, Any]:
        """The end of every record."""
        own = self.context
        fields: dict[str, Any] = {"client_ip": self.client_ip, "user_id": self._user_id(), "request_id": own.request_id}
        if own.trace_id:
            fields["trace_id"], fields["span_id"] = own.trace_id, own.span_id
        if self.user_agent:
            fields["user_agent"] = self.user_agent
        if self.chosen:
            fields["headers"] = self.chosen
        return fields

    def _user_id(self) -> str | None:
        find = self.options.user_id
        if find is not None:
            try:
                self.context.set_user_id(find(self.scope))
            except Exception:
                pass  # A finder that expects a signed-in user is no reason to lose the record.
        return self.context.user_id

    def shown_path(self) -> str:
        path = line_text(self.path)
        return _PHONE.sub(r"\1****\2", path) if self.options.mask_phones else path

    def route(self) -> str:
        return line_text(self.context.route or template(self.scope, self.root_path))

    def tell(self, fields: Callable[[], dict[str, Any]]) -> None:
        """Writes the record, once."""
        if self.told:
            return
        self.told = True
        sender = self.options.sender
        try:
            sender.offer(line(fields()))
        except Exception:
            sender.count_drop()


class HttpExchange(Exchange):
    """One request from its head to the last byte of its answer, however it ends."""

    def __init__(self, options: LingshaoMiddleware, scope: Scope, receive: Receive, send: Send) -> None:
        super().__init__(options, scope, receive, send)
        self.method: str = scope.get("method") or ""
        self.status: int | None = None
        self.ttfb: float | None = None
        self.took: float | None = None
        self.bytes_sent = 0
        self.client_left = False
        self.left_unanswered = False
        # uvicorn keeps here whether the client is still there, and says it to nobody who does not ask.
        self._connection = getattr(receive, "__self__", None)

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect" and self.took is None:
            self._leave()
        return message

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            await self._send_head(message)
        elif kind == "http.response.body":
            await self._send_body(message, len(message.get("body") or b""), message.get("more_body", False))
        elif kind == "http.response.pathsend":
            await self._send_body(message, _file_bytes(message.get("path")), False)
        elif kind == "http.response.zerocopysend":
            await self._send_body(message, message.get("count") or 0, message.get("more_body", False))
        else:
            await self._send(message)

    async def _send_head(self, message: Message) -> None:
        headers = list(message.get("headers") or ())
        if not any(name.lower() == b"x-request-id" for name, _ in headers):
            headers.append((b"x-request-id", self.context.request_id.encode()))
        message = {**message, "headers": headers}
        self._look_for_client()
        await self._hand_over(message)
        self.status = message["status"]
        self.ttfb = perf_counter() - self.begun

    async def _send_body(self, message: Message, size: int, more: bool) -> None:
        if not more and self.bytes_sent:
            self._look_for_client()
        await self._hand_over(message)
        if self.method != "HEAD":
            self.bytes_sent += size
        if not more and self.took is None:
            self.took = perf_counter() - self.begun
            # Who answers with an error may yet say which, by raising it; Starlette's outermost layer does.
            if self.status is None or self.status < 500:
                self.tell(lambda: self._fields(None))

    async def _hand_over(self, message: Message) -> None:
        try:
            await self._send(message)
        except OSError:
            self._leave()
            raise

    def _look_for_client(self) -> None:
        if getattr(self._connection, "disconnected", False) is True:
            self._leave()

    def _leave(self) -> None:
        if not self.client_left:
            self.client_left, self.left_unanswered = True, self.status is None

    def raised(self, error: BaseException) -> None:
        if self.told:
            self._tell_late(error)
            return
        if not isinstance(error, Exception) and self.took is None:
            self._leave()  # Cancelled: given up by the client, or by a server that ends.
        if self.client_left and (not isinstance(error, Exception) or _is_farewell(error)):
            self.tell(lambda: self._fields(None))
        else:
            self.tell(lambda: self._fields(error_fields(error)))
            _mark_told(error)

    def returned(self) -> None:
        if self.took is not None or self.client_left:
            self.tell(lambda: self._fields(None))
            return
        missing = "ended its answer" if self.status else "answered"
        error = {"type": "NoAnswer", "message": f"the application returned and has not {missing}"}
        self.tell(lambda: self._fields(error))

    def _fields(self, error: dict[str, str] | None) -> dict[str, Any]:
        complete = self.took is not None
        took = self.took if self.took is not None else perf_counter() - self.begun
        if error and not complete:
            status = 500
        else:
            status = 499 if self.left_unanswered or self.status is None else self.status
        aborted = self.client_left or not complete and self.status is not None
        level = "ERROR" if status >= 500 else "WARNING" if status >= 400 or aborted else "INFO"
        fields = self.common("lingshao.request", level)
        method, path = line_text(self.method), self.shown_path()
        fields["message"] = line_text(f"{method} {for_message(path)} {status}")
        fields.update(method=method, path=path, route=self.route(), status_code=status)
        if self.status is not None and status == 500 != self.status:
            fields["status_sent"] = self.status
        fields["process_time"] = round(took, 6)
        fields["ttfb"] = None if self.ttfb is None else round(self.ttfb, 6)
        fields["bytes_sent"] = self.bytes_sent
        fields.update(self.whose())
        fields["aborted"] = aborted
        if error:
            fields["error"] = error
        return fields

    def _tell_late(self, error: BaseException) -> None:
        """The answer was whole; what failed came after it, as background tasks do."""
        if not isinstance(error, Exception):
            return
        self.told = False
        self.tell(lambda: self._late_fields(error))
        _mark_told(error)

    def _late_fields(self, error: Exception) -> dict[str, Any]:
        fields = self.common("lingshao.background", "ERROR")
        asked = f"{line_text(self.method)} {for_message(self.shown_path())}"
        fields["message"] = line_text(f"failed after the answer to {asked}")
        fields.update(route=self.route(), **self.context.fields(), error=error_fields(error))
        return fields


class WebSocketExchange(Exchange):
    """A websocket from its handshake to its end. Its record has neither `status_code` nor `process_time`, so that hours
    of talk are no slow request."""

    def __init__(self, options: LingshaoMiddleware, scope: Scope, receive: Receive, send: Send) -> None:
        super().__init__(options, scope, receive, send)
        self.accepted = False
        self.close_code: int | None = None
        self.received = 0
        self.sent = 0

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "websocket.receive":
            self.received += 1
        elif message["type"] == "websocket.disconnect" and self.close_code is None:
            self.close_code = message.get("code", 1005)
        return message

    async def send(self, message: Message) -> None:
        kind = message["type"]
        await self._send(message)
        if kind == "websocket.send":
            self.sent += 1
        elif kind == "websocket.accept":
            self.accepted = True
        elif kind == "websocket.close" and self.accepted:
            self.close_code = message.get("code", 1000)

    def raised(self, error: BaseException) -> None:
        if isinstance(error, Exception):
            self.tell(lambda: self._fields(error_fields(error)))
            _mark_told(error)
        else:
            self.tell(lambda: self._fields(None))

    def returned(self) -> None:
        self.tell(lambda: self._fields(None))

    def _fields(self, error: dict[str, str] | None) -> dict[str, Any]:
        level = "ERROR" if error else "INFO" if self.accepted else "WARNING"
        fields = self.common("lingshao.websocket", level)
        path = self.shown_path()
        fields["message"] = line_text(f"websocket {for_message(path)} {'closed' if self.accepted else 'refused'}")
        fields.update(path=path, route=self.route(), accepted=self.accepted, close_code=self.close_code)
        fields["duration"] = round(perf_counter() - self.begun, 6)
        fields.update(messages_received=self.received, messages_sent=self.sent, **self.whose())
        if error:
            fields["error"] = error
        return fields


def _is_farewell(error: Exception) -> bool:
    """Whether it only says that nobody is there any more. Starlette's is known by its name: we import nothing."""
    return isinstance(error, OSError) or type(error).__name__ == "ClientDisconnect"


def _file_bytes(path: Any) -> int:
    try:
        return os.stat(path).st_size
    except (OSError, TypeError, ValueError):
        return 0


def _mark_told(error: BaseException) -> None:
    try:
        error._lingshao_told = True  # type: ignore[attr-defined]
    except Exception:
        pass  # It has no room for it; then the server's word about it is kept.


__all__ = ["EXCLUDED", "NO_ROUTE", "LingshaoMiddleware"]
