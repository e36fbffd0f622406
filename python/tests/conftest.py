"""Real servers for real requests: uvicorn or gunicorn in processes of their own, a TCP sink, and clients on sockets."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent
# How long anything may take here before the test gives up. The machine may be busy; no test asserts a time.
PATIENCE = 20.0


def wait_for(what, condition, patience=PATIENCE):
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"waited {patience} s for {what}")


class Sink:
    """A receiver of JSON lines, as strict as JSON is."""

    def __init__(self, reads=True, port=0):
        self.records, self.connections, self._reads = [], 0, reads
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = self._listener.getsockname()[1]
        self.target = f"tcp://127.0.0.1:{self.port}"
        self._streams = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                stream, _ = self._listener.accept()
            except OSError:
                return
            self._streams.append(stream)
            self.connections += 1
            if self._reads:
                threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def _read(self, stream):
        with stream, stream.makefile("rb") as lines:
            try:
                for line in lines:
                    if line.endswith(b"\n"):
                        self.records.append(strict(line))
            except OSError:
                return

    def close(self):
        # The thread that waits in `accept` would keep the port.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for stream in self._streams:
            try:
                stream.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def record(self, what="a record", **fields):
        """Waits for the record that has these fields."""
        return wait_for(f"{what} with {fields} among {self.records[-5:]}", lambda: self.find(**fields))

    def find(self, **fields):
        found = [record for record in self.records if all(record.get(name) == value for name, value in fields.items())]
        return found[0] if found else None

    def all(self, **fields):
        return [record for record in self.records if all(record.get(name) == value for name, value in fields.items())]


def strict(line):
    """JSON without Python's NaN, without a name twice, and with Chinese unescaped."""

    def refuse(word):
        raise AssertionError(f"{word} is no JSON: {line!r}")

    def once(pairs):
        assert len(dict(pairs)) == len(pairs), f"a name stands twice in {line!r}"
        return dict(pairs)

    assert b"\\u" not in line, line
    assert len(line) <= 66 << 10, len(line)
    return json.loads(line.decode(), parse_constant=refuse, object_pairs_hook=once)


class Shop:
    """A server process with the shop."""

    def __init__(self, *options, server="uvicorn", log_to="stdout", app="shop:app", unix=None, **environment):
        self.unix = unix
        self.port = None if unix else free_port()
        where = ("--uds", unix) if unix else ("--port", str(self.port))
        if server == "gunicorn":
            where = ("--bind", f"127.0.0.1:{self.port}", "-k", "uvicorn.workers.UvicornWorker")
        self._out = tempfile.TemporaryFile()
        self._errors = tempfile.TemporaryFile()
        environment = {**os.environ, "LINGSHAO_LOG_TO": log_to, "PYTHONPATH": str(HERE), **environment}
        command = [sys.executable, "-m", server, app, *where, *options]
        self.process = subprocess.Popen(command, env=environment, stdout=self._out, stderr=self._errors, cwd=HERE)
        wait_for(f"{server} to listen: {self.errors()}", self._listens)

    def _listens(self):
        assert self.process.poll() is None, self.errors()
        try:
            self.connect().close()
            return True
        except OSError:
            return False

    def connect(self):
        if self.unix is None:
            return socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        stream = socket.socket(socket.AF_UNIX)
        stream.settimeout(PATIENCE)
        stream.connect(self.unix)
        return stream

    def ask(self, target, method="GET", body=None, **headers):
        """Status, headers and body; of a broken answer, what came of it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.sock = self.connect()
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, target, body, {"Connection": "close", **headers})
        answer = connection.getresponse()
        try:
            text = answer.read()
        except http.client.IncompleteRead as broken:
            text = broken.partial
        connection.close()
        return answer.status, answer.headers, text

    def send_head(self, target):
        """Begins a request on a stream of its own, to be left at will."""
        stream = self.connect()
        stream.sendall(f"GET {target} HTTP/1.1\r\nHost: shop\r\n\r\n".encode("latin-1"))
        return stream

    def lines(self):
        self._out.seek(0)
        return [strict(line) for line in self._out.read().splitlines(keepends=True)]

    def errors(self):
        self._errors.seek(0)
        return self._errors.read().decode()

    def stop(self, with_signal=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture(scope="session")
def sink():
    sink = Sink()
    yield sink
    sink.close()


@pytest.fixture(scope="session")
def shop(sink):
    """The shop as it runs: four workers, records over TCP, behind a proxy on this machine."""
    shop = Shop("--workers", "4", "--no-proxy-headers", log_to=sink.target, TRUST="1")
    yield shop
    shop.stop()


@pytest.fixture
def start():
    """Starts shops that end with the test."""
    shops = []

    def begin(*options, **more):
        shops.append(Shop(*options, **more))
        return shops[-1]

    yield begin
    for shop in shops:
        shop.stop()
