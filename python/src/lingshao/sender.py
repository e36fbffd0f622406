"""Lines on their way out: a bounded queue and the one thread that empties it.

Contract: offering a line never waits, never raises and is safe from every thread, from signal handlers and from
finalizers. What does not fit is counted, and the next line says so. A forked child begins with an empty queue, a thread
and a connection of its own.

What a connection loses when it breaks is what the system had taken, but not delivered; nothing is sent twice.
"""

from __future__ import annotations

import atexit
import os
import select
import socket
import sys
import threading
import time
import weakref
from collections import deque
from typing import Union

from .record import RECORD_BYTES_MAX

# Most bytes that wait: some 8,000 records, a minute at 130 requests a second. As many again may be on their way.
QUEUE_BYTES_MAX = 4 << 20
# Longest line: a record with `records_dropped` and a line feed.
LINE_BYTES_MAX = RECORD_BYTES_MAX + 64
# How long lines are gathered before they are written together.
GATHER_SECONDS = 0.05
# How long a connection may take, and how long one write may hang before the connection is given up.
CONNECT_SECONDS = 5.0
WRITE_SECONDS = 10.0
# Pause before connecting again: doubled each time between these two.
PAUSE_SECONDS_MIN = 0.1
PAUSE_SECONDS_MAX = 5.0
# How long the last lines may take when the process ends.
END_SECONDS = 1.0
# Writes of up to this many bytes into a pipe are never mixed with those of other processes (POSIX: at least 512).
PIPE_BYTES = getattr(select, "PIPE_BUF", 512)


class Stdout:
    """Standard output, shared with other workers and with `print`: whole lines, in writes that stay together."""

    def send(self, data: memoryview) -> int:
        end = len(data)
        if end > PIPE_BYTES:
            end = bytes(data[:PIPE_BYTES]).rfind(b"\n") + 1 or bytes(data[:LINE_BYTES_MAX]).index(b"\n") + 1
        written = 0
        while written < end:
            try:
                written += os.write(1, data[written:end])
            except BlockingIOError:
                select.select([], [1], [], WRITE_SECONDS)
        return end

    def close(self, seconds: float) -> None:
        """Nothing is held back here."""

    def forget(self) -> None:
        """A child shares its parent's output."""


class Tcp:
    """JSON lines to `host:port`, a new connection whenever the last one is gone."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._stream: socket.socket | None = None

    def send(self, data: memoryview) -> int:
        if self._stream is not None and not _is_open(self._stream):
            self.forget()
        if self._stream is None:
            self._stream = socket.create_connection(self._address, CONNECT_SECONDS)
            self._stream.settimeout(WRITE_SECONDS)
        try:
            return self._stream.send(data)
        except OSError:
            self.forget()
            raise

    def close(self, seconds: float) -> None:
        """Says that no more comes. The receiver closes when it has everything safe; until then we wait."""
        stream = self._stream
        if stream is None:
            return
        try:
            stream.settimeout(max(seconds, 0.01))
            stream.shutdown(socket.SHUT_WR)
            while stream.recv(4096):
                pass
        except OSError:
            pass  # A receiver that does not answer has all there is.
        self.forget()

    def forget(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()


Sink = Union[Stdout, Tcp]


def _is_open(stream: socket.socket) -> bool:
    """Whether the receiver has not closed: a write into a closed connection would seem to succeed."""
    stream.setblocking(False)
    try:
        return stream.recv(64) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        stream.settimeout(WRITE_SECONDS)


class Sender:
    """A queue, and the thread that empties it into a sink. The thread begins with the first line."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._begin()
        _senders.add(self)

    def _begin(self) -> None:
        # Reentrant, because a finalizer that logs can run in the middle of `offer`; asyncio's do log.
        self._lock = threading.RLock()
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._dropped = 0
        self._dropped_told = 0
        self._thread: threading.Thread | None = None
        # Held while there is nothing to do. A lock and no Event: releasing it is one step that nothing interrupts.
        self._idle = threading.Lock()
        self._idle.acquire()
        # How often an end was asked for, how often it was reached, and until when the last may take.
        self._ends_wanted = 0
        self._ends_reached = 0
        self._end_by = 0.0
        # Set when the server said that it ends.
        self._last_words_by: float | None = None

    def forked(self) -> None:
        """Begins anew in a child: thread, connection and waiting lines are the parent's."""
        self._sink.forget()
        self._begin()

    @property
    def dropped(self) -> int:
        return self._dropped

    def count_drop(self, lines: int = 1) -> None:
        with self._lock:
            self._dropped += lines

    def offer(self, line: bytes) -> None:
        """Takes a JSON object and its line feed."""
        with self._lock:
            if self._waiting_bytes + len(line) > QUEUE_BYTES_MAX:
                self._dropped += 1
                return
            untold = self._dropped - self._dropped_told
            if untold:
                line = b'%b,"records_dropped":%d}\n' % (line[:-2], untold)
                self._dropped_told = self._dropped
            self._waiting.append(line)
            self._waiting_bytes += len(line)
            if self._thread is None:
                self._start()
        self._wake()
        if self._last_words_by is not None:
            self.flush(self._last_words_by - time.monotonic())

    def flush(self, seconds: float) -> bool:
        """Waits until everything is delivered and the receiver has confirmed it by closing. False if time ran out."""
        thread, deadline = self._thread, time.monotonic() + seconds
        if thread is None or seconds <= 0 or thread is threading.current_thread():
            return thread is None
        with self._lock:
            self._ends_wanted += 1
            self._end_by = deadline
            wanted = self._ends_wanted
        self._wake()
        while self._ends_reached < wanted and thread.is_alive():
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.002)
        return self._ends_reached >= wanted

    def finish(self) -> None:
        """The server is about to end, perhaps by a signal that runs no exit handlers: from here on lines are waited
        for, END_SECONDS in all."""
        if self._last_words_by is None:
            self._last_words_by = time.monotonic() + END_SECONDS
        self.flush(self._last_words_by - time.monotonic())

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="lingshao-sender", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # The interpreter is ending, or there are too many threads.
            self._thread = None
            self._dropped += len(self._waiting)
            self._waiting.clear()
            self._waiting_bytes = 0
            return
        _at_process_end()

    def _wake(self) -> None:
        try:
            self._idle.release()
        except RuntimeError:
            pass  # It is awake.

    def _run(self) -> None:
        while True:
            self._idle.acquire()
            if self._ends_wanted == self._ends_reached:
                time.sleep(GATHER_SECONDS)
            wanted = self._ends_wanted
            batch = self._take()
            while batch:
                self._deliver(batch)
                batch = self._take()
            if wanted > self._ends_reached:
                self._sink.close(self._end_by - time.monotonic())
                self._ends_reached = wanted

    def _take(self) -> bytes:
        with self._lock:
            lines, self._waiting = self._waiting, deque()
            self._waiting_bytes = 0
        return b"".join(lines)

    def _deliver(self, batch: bytes) -> None:
        data, sent, pause = memoryview(batch), 0, PAUSE_SECONDS_MIN
        while sent < len(data):
            try:
                sent += self._sink.send(data[sent:])
                pause = PAUSE_SECONDS_MIN
            except Exception:
                # A line that was cut is sent again whole; the receiver cannot use the piece.
                sent = batch.rfind(b"\n", 0, sent) + 1
                if isinstance(self._sink, Stdout):
                    self.count_drop(batch.count(b"\n", sent))  # Closed: it does not come back.
                    return
                self._rest(pause)
                pause = min(pause * 2, PAUSE_SECONDS_MAX)

    def _rest(self, seconds: float) -> None:
        """A pause that the end cuts short."""
        until = time.monotonic() + seconds
        hurried = self._ends_wanted
        while time.monotonic() < until and hurried == self._ends_wanted:
            time.sleep(min(GATHER_SECONDS, seconds))


_senders: weakref.WeakSet[Sender] = weakref.WeakSet()
_by_target: dict[str, Sender] = {}
_ends_known: set[int] = set()


def sender_to(target: str) -> Sender:
    """The sender to `stdout` or `tcp://HOST:PORT`; one for each in a process."""
    sender = _by_target.get(target)
    if sender is None:
        sender = _by_target[target] = Sender(_sink(target))
    return sender


def _sink(target: str) -> Sink:
    if target == "stdout":
        return Stdout()
    kind, _, address = target.partition("://")
    host, _, port = address.rpartition(":")
    if kind != "tcp" or not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"log_to: `{target}` is neither `stdout` nor `tcp://HOST:PORT`")
    return Tcp(host.strip("[]"), int(port))


def dropped() -> int:
    """Records of this process that were lost: the queue was full, or they could not be written."""
    return sum(sender.dropped for sender in list(_senders))


def flush(timeout: float = END_SECONDS) -> bool:
    """Waits until every record is delivered; False if time ran out. Nobody needs it before a usual end of a process."""
    deadline = time.monotonic() + timeout
    return all([sender.flush(max(deadline - time.monotonic(), 0)) for sender in list(_senders)])


def _forked() -> None:
    _ends_known.clear()
    for sender in list(_senders):
        sender.forked()


def _at_process_end() -> None:
    """Processes that multiprocessing forked run its finalizers and no exit handlers."""
    utilities = sys.modules.get("multiprocessing.util")
    if utilities is not None and os.getpid() not in _ends_known:
        _ends_known.add(os.getpid())
        utilities.Finalize(None, finish, exitpriority=0)


def finish() -> None:
    """The process is about to end: see `Sender.finish`."""
    for sender in list(_senders):
        sender.finish()


atexit.register(finish)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
