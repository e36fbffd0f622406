"""Defect 18 and what belongs to it: records never hold up the shop, whatever their receiver does, and are not lost when
processes fork or end."""

import json
import signal
import subprocess
import sys
import threading
import time

import pytest
from conftest import Sink, free_port, strict, wait_for

from lingshao import LingshaoMiddleware, configure_logging
from lingshao.sender import Sender

REQUESTS = [f"/api/v1/products/{index}" for index in range(30)]


def run(script, *arguments):
    """What a process of its own wrote as records, and its errors."""
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, timeout=30)
    return [strict(line) for line in done.stdout.splitlines(keepends=True)], done.stderr.decode()


def check_untouched(start, log_to):
    """The shop answers as ever; nothing is lost that fits into memory."""
    shop = start(log_to=log_to)
    assert [shop.ask(target)[0] for target in REQUESTS] == [200] * len(REQUESTS)
    assert json.loads(shop.ask("/api/v1/dropped")[2])["dropped"] == 0
    return shop


def test_defect_18_a_sink_that_comes_late_gets_what_waited(start):
    port = free_port()
    check_untouched(start, f"tcp://127.0.0.1:{port}")
    sink = Sink(port=port)
    wait_for("what waited", lambda: len(sink.all(logger="lingshao.request")) > len(REQUESTS))
    assert [record["path"] for record in sink.all(logger="lingshao.request")][: len(REQUESTS)] == REQUESTS


def test_defect_18_a_sink_that_hangs_is_nobody_elses_trouble(start):
    sink = Sink(reads=False)
    shop = check_untouched(start, sink.target)
    shop.stop()  # A second for the last records, then it ends without them.


def test_defect_18_a_sink_that_comes_back_loses_only_what_was_under_way(start):
    sink = Sink()
    shop = start(log_to=sink.target)
    shop.ask("/api/v1/products/1")
    sink.record(path="/api/v1/products/1")
    sink.close()
    again = wait_for("the port", lambda: try_sink(sink.port))
    shop.ask("/api/v1/products/2")
    again.record(path="/api/v1/products/2")


def try_sink(port):
    try:
        return Sink(port=port)
    except OSError:
        return None


def test_defect_18_what_does_not_fit_is_counted_and_told_in_the_next_record():
    script = """
import sys, logging, lingshao
lingshao.configure_logging("shop", log_to=sys.argv[1])
for _ in range(3_000):
    logging.info("x" * 8_000)
print(lingshao.dropped(), file=sys.stderr, flush=True)
sys.stdin.read()
logging.info("after")
"""
    port = free_port()
    target = f"tcp://127.0.0.1:{port}"
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", script, target], stdin=pipe, stderr=pipe)
    dropped = int(process.stderr.readline())
    assert 1_500 < dropped < 2_999
    sink = Sink(port=port)
    wait_for("what waited", lambda: len(sink.records) == 3_000 - dropped)
    process.stdin.close()
    sink.record(message="after")
    process.wait(10)
    assert sum(record.get("records_dropped", 0) for record in sink.records) == dropped


def test_the_last_records_are_sent_before_the_end(start):
    for with_signal in (signal.SIGTERM, signal.SIGINT):
        sink = Sink()
        shop = start(log_to=sink.target)
        shop.ask("/api/v1/products/1")
        shop.stop(with_signal)
        for message in ("GET /api/v1/products/1 200", "打烊", "Application shutdown complete."):
            assert sink.find(message=message), (with_signal, message, sink.records)


def test_a_process_without_a_server_ends_with_all_its_lines():
    records, _ = run("import logging, lingshao; lingshao.configure_logging(); logging.info('最后')")
    assert [record["message"] for record in records] == ["最后"]


def test_stdout_is_shared_by_workers_without_a_torn_line(start):
    shop = start("--workers", "4")
    asks = [threading.Thread(target=lambda: [shop.ask(target) for target in REQUESTS]) for _ in range(4)]
    for ask in asks:
        ask.start()
    for ask in asks:
        ask.join()
    requests = lambda: [line for line in shop.lines() if line["logger"] == "lingshao.request"]
    wait_for("all records", lambda: len(requests()) == 4 * len(REQUESTS))


def test_a_pipe_that_is_full_tears_no_line():
    script = """
import logging, os, lingshao
lingshao.configure_logging()
for worker in range(3):
    if os.fork() == 0:
        break
for index in range(300):
    logging.info("%s %s", index, "x" * 1_500)
lingshao.flush(20)
"""
    out = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    time.sleep(0.5)  # Nobody reads yet: the pipe is full.
    lines = out.stdout.read().splitlines(keepends=True)
    assert len([strict(line) for line in lines]) == 4 * 300


def test_a_forked_worker_has_a_sender_of_its_own(start):
    sink = Sink()
    shop = start("--preload", "--workers", "3", server="gunicorn", log_to=sink.target)
    for target in REQUESTS:
        assert shop.ask(target)[0] == 200
    wait_for("all records", lambda: len(sink.all(logger="lingshao.request")) == len(REQUESTS))
    assert sink.record(logger="gunicorn.error")["level"] == "INFO"


def test_a_fork_with_waiting_lines_sends_each_once():
    script = """
import logging, multiprocessing, os, sys, time, lingshao
lingshao.configure_logging("shop", log_to=sys.argv[1])
logging.info("parent before")
time.sleep(0.5)  # Now it has a connection.
logging.info("parent waiting")
def child():
    logging.info("child %s", os.getpid())
workers = [multiprocessing.get_context("fork").Process(target=child) for _ in range(3)]
for worker in workers: worker.start()
for worker in workers: worker.join()
logging.info("parent after")
"""
    sink = Sink()
    _, errors = run(script, sink.target)
    wait_for("all lines", lambda: len(sink.records) >= 6)
    time.sleep(0.2)
    messages = [record["message"].split()[0] for record in sink.records]
    assert sorted(messages) == ["child"] * 3 + ["parent"] * 3, errors
    assert sink.connections == 4


def test_a_line_that_was_cut_is_sent_again_whole():
    class Breaks:
        """Takes 15 bytes, breaks, and then takes anything."""

        def __init__(self):
            self.sent, self.breaks = [], [False, True]

        def send(self, data):
            taken = len(data)
            if self.breaks:
                taken = 15
                if self.breaks.pop(0):
                    raise OSError("reset")
            self.sent.append(bytes(data[:taken]))
            return taken

        def close(self, seconds):
            pass

    sink = Breaks()
    sender = Sender(sink)
    for line in (b'{"a":1}\n', b'{"b":2}\n', b'{"c":3}\n'):
        sender.offer(line)
    assert sender.flush(10)
    assert sink.sent == [b'{"a":1}\n{"b":2}', b'{"b":2}\n{"c":3}\n']


def test_a_finalizer_that_logs_in_the_middle_of_logging_locks_nothing():
    script = """
import gc, logging, lingshao
lingshao.configure_logging()
class Loud:
    def __del__(self): logging.info("gone")
gc.set_threshold(1)
for _ in range(500):
    loud = Loud(); loud.me = loud; del loud
    logging.info("here", extra={"list": [[] for _ in range(50)]})
gc.collect()
"""
    records, errors = run(script)
    assert len(records) == 1_000, errors


def test_a_line_that_is_not_json_is_not_possible():
    script = """
import enum, logging, lingshao
lingshao.configure_logging("灵\\x1b选")
class Bad:
    def __str__(self): raise ValueError
class Number(enum.IntEnum): ONE = 1
deep = []
deep.append(deep)
logging.info("a\\n\\x00b\\udc80 %s", "大红袍", extra={
    "nan": float("nan"), "big": 1 << 70, "bad": Bad(), "deep": deep, "bytes": b"x", "one": Number.ONE, 7: "seven",
    "message_": None, "request_id": "r", "long": "好" * 9_000, "set": {1}, "map": {None: {"a": {"b": {"c": {"d": 1}}}}}})
lists = [[[list(range(64)) for _ in range(64)] for _ in range(64)]]
logging.info("wide", extra={"lists": lists})
logging.info("many", extra={f"f{index}": "x" * 8_000 for index in range(60)})
logging.info("wrong %d", "number")
try:
    1 / 0
except ZeroDivisionError:
    logging.exception("caught", stack_info=True)
logging.getLogger("a").debug("too low")
import warnings; warnings.warn("old")
"""
    records, errors = run(script)
    first, wide, many, caught, warning = records
    assert str(wide["lists"]).count(",") < 1_000
    expected = {
        "service": "灵选", "message": "a\nb 大红袍", "nan": "nan", "big": str(1 << 70), "one": 1, "7": "seven",
        "bad": "<Bad without words: ValueError>", "bytes": "b'x'", "request_id": "r", "set": [1], "level": "INFO",
    }
    assert {name: first[name] for name in expected} == expected
    assert len(first["long"].encode()) <= 8192
    assert (many["message"], many["fields_left_out"]) == ("many", 60)
    assert (caught["error"]["type"], caught["level"]) == ("ZeroDivisionError", "ERROR")
    assert warning["logger"] == "py.warnings"
    assert "number" in errors  # logging's own word about a wrong format goes to stderr, and nothing is raised.


def test_settings_that_are_wrong_say_what_and_how_to_put_it_right():
    for call, words in (
        (lambda: configure_logging(log_to="localhost:5000"), "tcp://HOST:PORT"),
        (lambda: configure_logging(log_to="tcp://localhost:99999"), "tcp://HOST:PORT"),
        (lambda: configure_logging(level="LOUD"), "WARNING"),
        (lambda: LingshaoMiddleware(None, trusted_proxies=["proxy.example"]), "10.0.0.0/8"),
        (lambda: LingshaoMiddleware(None, headers=["Cookie"]), "take it off the list"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
