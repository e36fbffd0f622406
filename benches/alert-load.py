#!/usr/bin/env python3
"""CPU seconds and memory of alerting under load: Lingshao beside Debian's Alertmanager and Prometheus.

    benches/alert-load.py BINARY [--only steady,once,rules] [--seconds 180]

All systems of a load run at the same time on the same machine with equal settings:

steady  10,000 distinct alerts in 500 groups, posted every 15 s for three minutes, to one webhook
once    100,000 distinct alerts in 500 groups, posted once, and what follows within a minute
rules   1,000 alerting and 1,000 recording rules over 10,000 scraped series, every 5 s for two minutes. Prometheus hands
        its alerts to an Alertmanager; Lingshao is both in one process, so the ratios are to the sum and to Prometheus

CPU is user and system time from the moment both are up; memory is resident, at the end and at its highest. Prints
figures, asserts nothing. Needs prometheus and prometheus-alertmanager; nothing beyond Python's standard library.
"""

import argparse
import http.client
import http.server
import json
import os
import socket
import subprocess
import tempfile
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

GROUPS = 500
BATCH = 1000
ROUTE = """  route: {receiver: told, group_by: [group], group_wait: 5s, group_interval: 15s, repeat_interval: 4h}
  receivers:
  - name: told
    webhook_configs: [{url: 'http://127.0.0.1:%d/', max_alerts: 0}]
"""
SCRAPE = """global: {scrape_interval: 5s, scrape_timeout: 5s, evaluation_interval: 5s}
rule_files: [rules.yml]
scrape_configs:
- job_name: shop
  static_configs: [{targets: ["127.0.0.1:%d"]}]
"""
TICKS = os.sysconf("SC_CLK_TCK")


class Sink:
    """A webhook that counts, and a static page."""

    def __init__(self, page=b""):
        self.messages = self.bytes = 0
        lock = threading.Lock()
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.answer(page)

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with lock:
                    sink.messages += 1
                    sink.bytes += len(body)
                self.answer(b"")

            def answer(self, body):
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.port = server.server_address[1]


class Program:
    """A process, what it has used, and what it has sent."""

    def __init__(self, name, folder, port, sink, *command):
        self.name, self.port, self.sink = name, port, sink
        self.log = open(folder / f"{name}.log", "w")
        self.process = subprocess.Popen(command, cwd=folder, stdout=self.log, stderr=self.log)
        self.begun = 0.0

    def wait(self):
        for _ in range(300):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        self.begun = self.cpu()

    def cpu(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self, key):
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(key):
                return int(line.split()[1]) / 1024
        return 0.0

    def figures(self):
        return {"cpu_s": round(self.cpu() - self.begun, 2), "rss_mb": round(self.memory("VmRSS"), 1),
                "peak_mb": round(self.memory("VmHWM"), 1), "messages": self.sink.messages,
                "message_mb": round(self.sink.bytes / 1e6, 1)}

    def post(self, path, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        said = answer.read()
        connection.close()
        return answer.status, said


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ours(folder, binary, config, sink):
    (folder / "lingshao.yml").write_text(config + "alerting:\n" + ROUTE % sink.port)
    port = free_port()
    return Program("lingshao", folder, port, sink, binary, "run", "--config", "lingshao.yml", "--data", "data",
                   "--listen", f"127.0.0.1:{port}")


def alertmanager(folder, sink):
    text = "".join(line[2:] + "\n" for line in (ROUTE % sink.port).splitlines())
    (folder / "alertmanager.yml").write_text(text)
    port = free_port()
    return Program("alertmanager", folder, port, sink, "prometheus-alertmanager", "--config.file=alertmanager.yml",
                   "--storage.path=am", "--cluster.listen-address=", f"--web.listen-address=127.0.0.1:{port}")


def batches(count):
    """JSON texts in which only the end is missing, as Prometheus sets it four minutes ahead."""
    alerts = [{
        "labels": {"alertname": f"Alert{number % 20}", "group": f"g{number % GROUPS}", "instance": f"10.0.{number >> 8}.{number & 255}:9100",
                   "severity": "warning", "shop": "lingxian"},
        "annotations": {"summary": f"disk of instance {number} is nearly full", "description": "x" * 120},
        "startsAt": "2026-01-01T00:00:00Z", "endsAt": "@END@",
        "generatorURL": "http://prometheus:9090/graph?g0.expr=disk_free+%3C+1&g0.tab=1",
    } for number in range(count)]
    return [json.dumps(alerts[at:at + BATCH]) for at in range(0, count, BATCH)]


def post_all(program, texts, seconds):
    end = (datetime.now(timezone.utc) + timedelta(minutes=4)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    begun = time.monotonic()
    for text in texts:
        status, said = program.post("/api/v2/alerts", text.replace("@END@", end).encode())
        if status != 200:
            print(f"{program.name}: {status} {said[:200]}")
    seconds.append(time.monotonic() - begun)


def alerts(folder, binary, count, rounds, wait):
    programs = [ours(folder, binary, "scrape_configs: []\n", Sink()), alertmanager(folder, Sink())]
    try:
        for program in programs:
            program.wait()
        texts = batches(count)
        took = {program.name: [] for program in programs}
        for turn in range(rounds):
            begun = time.monotonic()
            for program in programs if turn % 2 == 0 else programs[::-1]:
                post_all(program, texts, took[program.name])
            time.sleep(max(0, wait - (time.monotonic() - begun)))
        result = {program.name: program.figures() for program in programs}
        for name, seconds in took.items():
            result[name]["post_s"] = round(sum(seconds) / len(seconds), 3)
        return result
    finally:
        end(programs)


def rule_text():
    out = ["groups:"]
    for group in range(20):
        out += [f"- name: g{group}", "  rules:"]
        for rule in range(50):
            number = group * 50 + rule
            out += [f"  - alert: High{number}", f"    expr: shop_load{{shop=\"s{number}\"}} > 50", "    for: 10s",
                    f"    labels: {{severity: warning, group: g{number % 500}}}",
                    "    annotations: {summary: '{{ $labels.instance }} has {{ $value | humanize }}'}",
                    f"  - record: shop:load:sum{number}", f"    expr: sum by (shop) (shop_load{{shop=\"s{number}\"}})"]
    return "\n".join(out) + "\n"


def rules(folder, binary, seconds):
    lines = [f'shop_load{{shop="s{number // 10}",instance="10.0.{number >> 8}.{number & 255}:9100"}} {number % 10 * 10}'
             for number in range(10_000)]
    page = ("# TYPE shop_load gauge\n" + "\n".join(lines) + "\n").encode()
    (folder / "rules.yml").write_text(rule_text())
    sinks = [Sink(page), Sink(page)]
    theirs = alertmanager(folder, sinks[1])
    config = SCRAPE % sinks[1].port
    config += f"alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{theirs.port}']}}]}}]}}\n"
    (folder / "prometheus.yml").write_text(config)
    port = free_port()
    prometheus = Program("prometheus", folder, port, sinks[1], "prometheus", "--config.file=prometheus.yml",
                         "--storage.tsdb.path=tsdb", f"--web.listen-address=127.0.0.1:{port}")
    programs = [ours(folder, binary, SCRAPE % sinks[0].port, sinks[0]), prometheus, theirs]
    try:
        for program in programs:
            program.wait()
        time.sleep(seconds)
        return {program.name: program.figures() for program in programs}
    finally:
        end(programs)


def end(programs):
    for program in programs:
        program.process.terminate()
    for program in programs:
        program.process.wait(60)
        program.log.close()


def show(load, result):
    print(f"\n{load}")
    for name, figures in result.items():
        print(f"  {name:24} " + "  ".join(f"{key} {value}" for key, value in figures.items()))
    own = result.pop("lingshao")
    if len(result) > 1:
        result["sum of theirs"] = {key: sum(other[key] for other in result.values()) for key in ("cpu_s", "rss_mb", "peak_mb")}
    for name, other in result.items():
        ratios = [f"{key} {own[key] / other[key]:.2f}" for key in ("cpu_s", "rss_mb", "peak_mb") if other[key]]
        print(f"  lingshao / {name:13} " + "  ".join(ratios))


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("binary")
    options.add_argument("--only", default="steady,once,rules")
    options.add_argument("--seconds", type=int, default=180, help="of the steady load; the rules run two thirds of it")
    options = options.parse_args()
    binary = str(Path(options.binary).resolve())
    for load in options.only.split(","):
        with tempfile.TemporaryDirectory(prefix="alert-load-") as name:
            folder = Path(name)
            if load == "steady":
                result = alerts(folder, binary, 10_000, options.seconds // 15, 15)
            elif load == "once":
                result = alerts(folder, binary, 100_000, 1, 60)
            else:
                result = rules(folder, binary, options.seconds * 2 // 3)
            for log in folder.glob("lingshao.log"):
                said = [line for line in log.read_text().splitlines() if " WARN " in line or "ERROR" in line]
                print(f"{load}: {len(said)} warnings of lingshao", *said[:3], sep="\n  ")
            show(load, result)


if __name__ == "__main__":
    main()
