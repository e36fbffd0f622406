"""The real binary with every listener open, and its own questions to it."""

import json
import os
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

# How long anything may take here before a test gives up. The machine may be busy; no test asserts a time.
PATIENCE = 30.0
CLIENTS = Path(os.environ["LOG_CLIENTS"])


def wait_for(what, condition):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited {PATIENCE} s for {what}; last: {found!r}")


class Server:
    def __init__(self, folder):
        config = folder / "lingshao.yml"
        names = ["elasticsearch", "logstash", "otlp", "syslog"]
        config.write_text("listeners: {" + ", ".join(f"{name}: '127.0.0.1:0'" for name in names) + "}\n")
        self._log = open(folder / "stderr", "w+")
        clean = {name: value for name, value in os.environ.items() if not name.startswith("LINGSHAO_")}
        self.process = subprocess.Popen(
            [os.environ["LINGSHAO_BIN"], "run", "--data", folder / "data", "--config", config]
            + ["--listen", "127.0.0.1:0"],
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=clean,
        )
        self.doors = {}
        while len(self.doors) <= len(names):
            line = self.process.stdout.readline()
            assert line.startswith("listening "), Path(self._log.name).read_text()
            name, _, address = line.removeprefix("listening ").strip().partition("=")
            self.doors[name] = address
        self.url = f"http://{self.doors['web']}"
        self.elasticsearch = f"http://{self.doors['elasticsearch']}"

    def port(self, door):
        return int(self.doors[door].rpartition(":")[2])

    def search(self, query, **more):
        """What the log page finds, oldest first."""
        question = json.dumps({"query": query, "order": "asc", "size": 1000, **more}).encode()
        request = urllib.request.Request(f"{self.url}/api/lingshao/v1/logs/search", question)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return json.load(answer)["hits"]
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read()) from error

    def soon(self, query, count):
        """The same, when so many are there."""
        return wait_for(f"{count} of {query}", lambda: len(hits := self.search(query)) == count and hits)

    def stop(self):
        self.process.terminate()
        assert self.process.wait(PATIENCE) == 0
        self._log.close()


@pytest.fixture
def server():
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        try:
            yield server
            server.stop()
        finally:
            server.process.kill()
            server.process.wait()
