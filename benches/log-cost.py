#!/usr/bin/env python3
"""What a file of log records costs: CPU seconds, memory, bytes on disk, and the time of queries over them.

    benches/log-cost.py BINARY FILE [--runs 5] [--threads 2] [--settle 15] [--keep DIR]

FILE holds `_bulk` requests, each a line with its length in bytes and then the body; the records are those of a shop
(timestamp, level, path, status_code, process_time, client_ip, user_id, trace_id, message). Their times must lie
within the last two days. BINARY is started on an empty folder, FILE is pushed over HTTP, and then nothing is asked
until sealing and merging are done: CPU is user and system time of the process up to that moment, and `pushed` what of it
was used until the last answer. Queries go over HTTP, too: the first time, and the median of `--runs` more.

Prints one line of JSON, asserts nothing. Needs nothing beyond Python's standard library.
"""

import argparse
import http.client
import json
import os
import socket
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def text(query):
    return {"query": {"query_string": {"query": query}}, "size": 50, "sort": [{"@timestamp": "desc"}]}


def counted(query):
    return {"query": {"query_string": {"query": query}}, "size": 0, "track_total_hits": True}


def summed(query, aggregation):
    return {**counted(query), "aggs": {"found": aggregation}}


def questions(trace):
    """The plan's four, then what people do beside them."""
    by_minute = {"date_histogram": {"field": "timestamp", "fixed_interval": "1m"},
                 "aggs": {"level": {"terms": {"field": "level"}}}}
    by_path = {"terms": {"field": "path", "size": 10},
               "aggs": {"p95": {"percentiles": {"field": "process_time", "percents": [95]}}}}
    return {
        "plan 1: errors of an hour": text("level:ERROR AND timestamp:[now-1h TO now]"),
        "plan 2: slow": text("process_time:>2 AND level:ERROR"),
        "plan 3: path and status": text("path:/api/v1/payments/* AND status_code:500"),
        "plan 4: a user": text("user_id:12345"),
        "count all": counted("*"),
        "a trace": text(f"trace_id:{trace}"),
        "no trace": text("trace_id:00000000000000000000000000000000"),
        "newest 100": {**text("*"), "size": 100},
        "word": counted("message:timed"),
        "phrase": counted('message:"timed out after"'),
        "Han substring": counted("message:付失"),
        "number in a text": counted('message:"order_no 123456789"'),
        "regular expression": counted("path:~\"/api/v1/orders/1[0-9]{3}\""),
        "level by minute": summed("*", by_minute),
        "p95 by path": summed("*", by_path),
        "clients of 5xx": summed("status_code:>=500", {"terms": {"field": "client_ip", "size": 20}}),
    }


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Server:
    """The process on a folder of its own."""

    def __init__(self, binary, folder):
        self.folder = folder
        web, self.port = free_port(), free_port()
        config = folder / "lingshao.yml"
        config.write_text(f"listeners: {{elasticsearch: '127.0.0.1:{self.port}'}}\n")
        self.data = folder / "data"
        command = [binary, "run", "--insecure", "--config", config, "--listen", f"127.0.0.1:{web}", "--data", self.data]
        self.log = open(folder / "log", "w")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        for _ in range(300):
            try:
                return socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                if self.process.poll() is not None:
                    raise SystemExit((folder / "log").read_text())
                time.sleep(0.1)

    def cpu(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self, key):
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(key))

    def disk(self):
        return sum(file.stat().st_blocks * 512 for file in (self.data / "logs").rglob("*") if file.is_file())

    def parts(self):
        return sorted(file.stat().st_size for file in self.data.rglob("*.part"))

    def ask(self, path, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        said = json.loads(answer.read())
        connection.close()
        if answer.status != 200:
            raise SystemExit(f"{path}: {answer.status} {said}")
        return said


def bodies(path):
    with open(path, "rb") as file:
        while size := file.readline():
            yield file.read(int(size))


def push(server, path, threads):
    """Every body once; one that is told to come again does."""
    waiting, lock, refused = bodies(path), threading.Lock(), []

    def work():
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        while True:
            with lock:
                body = next(waiting, None)
            if body is None:
                return
            while True:
                connection.request("POST", "/_bulk", body, {"Content-Type": "application/x-ndjson"})
                answer = connection.getresponse()
                said = answer.read()
                if answer.status != 429:
                    break
                refused.append(429)
                time.sleep(0.5)
            if answer.status != 200 or b'"errors":false' not in said[:200]:
                raise SystemExit(f"{answer.status} {said[:500]}")

    pool = [threading.Thread(target=work) for _ in range(threads)]
    begun = time.time()
    for one in pool:
        one.start()
    for one in pool:
        one.join()
    return time.time() - begun, len(refused)


def timed(server, body, runs):
    def once():
        begun = time.perf_counter()
        said = server.ask("/_search", body)
        return (time.perf_counter() - begun) * 1000, said["hits"]["total"]["value"]

    first, found = once()
    again = statistics.median(once()[0] for _ in range(runs)) if runs else first
    return {"found": found, "first_ms": round(first, 1), "ms": round(again, 1)}


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("binary")
    arguments.add_argument("file")
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--settle", type=float, default=15)
    arguments.add_argument("--keep", help="a folder that stays")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if given.keep:
            Path(given.keep).mkdir(parents=True)
        server = Server(str(Path(given.binary).resolve()), Path(given.keep or folder))
        try:
            measure(server, given)
        finally:
            server.process.terminate()
            server.process.wait(60)


def measure(server, given):
    before = server.cpu()
    seconds, refused = push(server, given.file, given.threads)
    pushed = server.cpu() - before
    time.sleep(given.settle)
    settled = server.cpu() - before
    figures = {
        "file_mb": round(os.path.getsize(given.file) / 1e6, 1), "push_s": round(seconds, 2), "told_to_come_again": refused,
        "cpu_s_pushed": round(pushed, 2), "cpu_s": round(settled, 2),
        "rss_mb": round(server.memory("VmRSS"), 1), "peak_mb": round(server.memory("VmHWM"), 1),
        "disk_mb": round(server.disk() / 1e6, 2), "parts_mb": round(sum(server.parts()) / 1e6, 2), "parts": len(server.parts()),
    }
    trace = server.ask("/_search", text("*"))["hits"]["hits"][0]["_source"]["trace_id"]
    figures["queries"] = {name: timed(server, body, given.runs) for name, body in questions(trace).items()}
    figures["rss_mb_after_queries"] = round(server.memory("VmRSS"), 1)
    print(json.dumps(figures, ensure_ascii=False, indent=1))


main()
