"""The shop's own log lines, as JSON, to the same place as the records of its requests.

`configure_logging()` does it all; `JsonFormatter` and `LingshaoHandler` are for those who write a dictConfig.
"""

from __future__ import annotations

import logging
import os
from typing import Any

from . import context
from .record import error_fields, hostname, line, line_text, text, timestamp
from .sender import Sender, sender_to

# What a LogRecord has by itself; anything else was given with `extra=`.
_OWN = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"message", "asctime", "taskName"}
# Loggers of servers that bring handlers of their own.
_SERVER_LOGGERS = ("uvicorn", "uvicorn.error", "uvicorn.asgi", "gunicorn.error", "hypercorn.error")
_ACCESS_LOGGERS = ("uvicorn.access", "gunicorn.access", "hypercorn.access")


class Settings:
    """What holds for the whole process, until `configure_logging` says otherwise."""

    service = os.environ.get("LINGSHAO_SERVICE", "shop")
    log_to = os.environ.get("LINGSHAO_LOG_TO", "stdout")
    takes_over_servers = False
    keeps_access_log = False


class JsonFormatter(logging.Formatter):
    """A LogRecord as one line of JSON, with the request that it belongs to."""

    def __init__(self, service: str | None = None) -> None:
        super().__init__()
        self._service = service
        self._host = hostname()

    def format(self, record: logging.LogRecord) -> str:
        return self.line(record)[:-1].decode()

    def line(self, record: logging.LogRecord) -> bytes:
        fields: dict[str, Any] = {
            "timestamp": timestamp(record.created),
            "level": line_text(record.levelname),
            "logger": line_text(record.name),
            "message": text(record.getMessage()),
            "service": line_text(self._service or Settings.service),
            "host": self._host,
            "pid": os.getpid(),
        }
        request = context.current.get()
        if request is not None:
            fields.update(request.fields())
        if record.exc_info and record.exc_info[1] is not None:
            fields["error"] = error_fields(record.exc_info[1])
        if record.stack_info:
            fields["stack"] = text(record.stack_info)
        return line(fields, {name: value for name, value in vars(record).items() if name not in _OWN})


class LingshaoHandler(logging.Handler):
    """Sends log lines without ever making the shop wait: see `lingshao.dropped()` for what did not fit."""

    def __init__(self, log_to: str | None = None, service: str | None = None, level: int | str = 0) -> None:
        super().__init__(level)
        self.setFormatter(JsonFormatter(service))
        self._sender: Sender = sender_to(log_to or Settings.log_to)
        self.addFilter(_is_news)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            formatter = self.formatter
            if isinstance(formatter, JsonFormatter):
                self._sender.offer(formatter.line(record))
            else:
                self._sender.offer(line({"message": text(self.format(record))}))
        except Exception:
            self._sender.count_drop()
            self.handleError(record)

    def flush(self) -> None:
        """Log lines flow by themselves; waiting here would make `logging.shutdown` wait twice."""


def _is_news(record: logging.LogRecord) -> bool:
    """A server's word about an exception that stands in its request's record already is the same failure again."""
    told = record.exc_info and getattr(record.exc_info[1], "_lingshao_told", False)
    return not (told and record.name in _SERVER_LOGGERS)


def configure_logging(
    service: str | None = None,
    *,
    log_to: str | None = None,
    level: int | str | None = None,
    access_log: bool = False,
) -> None:
    """Sends everything that is logged as JSON to `stdout` or `tcp://HOST:PORT`, and the server's own lines too.

    Call it once where the application is made. Without arguments, LINGSHAO_SERVICE, LINGSHAO_LOG_TO and LOG_LEVEL count
    (defaults: `shop`, `stdout`, `INFO`). `access_log=True` keeps the server's line for each request, which says less
    than the middleware's record.
    """
    log_to = log_to or Settings.log_to
    sender_to(log_to)  # Says at once what is wrong with it.
    Settings.service, Settings.log_to = service or Settings.service, log_to
    Settings.takes_over_servers, Settings.keeps_access_log = True, access_log
    root = logging.getLogger()
    for handler in list(root.handlers):
        if type(handler) in (LingshaoHandler, logging.StreamHandler):
            root.removeHandler(handler)
    root.addHandler(LingshaoHandler())
    root.setLevel(_level(level))
    logging.captureWarnings(True)
    take_over_servers()


def _level(level: int | str | None) -> int | str:
    level = os.environ.get("LOG_LEVEL", "INFO") if level is None else level
    level = level.upper() if isinstance(level, str) else level
    try:
        logging.Handler(level)
    except (ValueError, TypeError):
        raise ValueError(f"level: `{level}` is none of DEBUG, INFO, WARNING, ERROR, CRITICAL") from None
    return level


def take_over_servers() -> None:
    """Lets the server's loggers end in ours. Servers configure logging too, some after the application was made."""
    if not Settings.takes_over_servers:
        return
    for name in _SERVER_LOGGERS + _ACCESS_LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        if name in _ACCESS_LOGGERS:
            logger.disabled = not Settings.keeps_access_log
