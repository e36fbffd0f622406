#!/usr/bin/env python3
"""Seconds from a bad sample to the message: Lingshao to a WeCom robot, and Prometheus + Alertmanager to a webhook.

    benches/alert-latency.py BINARY [--trials 20] [--starts 5] [--only ours|theirs]

Both run at the same time with equal settings: scrapes and rules every second, `for: 0s`, `group_wait: 0s`. A trial turns
a target bad at a random moment and waits for both messages. Two clocks: from the turn, and from the first scrape that
saw it. How far a rule's slot lies behind the scrape's is chance, but the same all through the life of a process; so
both are started anew several times. Needs prometheus and prometheus-alertmanager (Debian's will do); nothing beyond Python's standard library.
"""

import argparse
import http.server
import json
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

PATIENCE = 60
RULES = """groups:
- name: latency
  rules:
  - alert: Bad
    expr: bad == 1
    for: 0s
    labels: {severity: critical}
    annotations: {summary: "trial-{{ $labels.trial }}-bad"}
"""
ROUTE = """  route:
    receiver: told
    group_by: [alertname, trial]
    group_wait: 0s
    group_interval: 1s
    repeat_interval: 1h
  receivers:
  - name: told
"""
SCRAPE = """global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
rule_files: [rules.yml]
scrape_configs:
- job_name: shop
  static_configs: [{targets: ["127.0.0.1:%d"]}]
"""


class System:
    """One of the two: its target, its receiver, and when what happened."""

    def __init__(self, name):
        self.name = name
        self.trial = 0
        self.bad = False
        self.seen = {}  # trial -> when a scrape first saw it
        self.told = {}  # trial -> when the message arrived
        self.news = threading.Condition()
        self.target = serve(self)
        self.receiver = serve(self)
        self.processes = []

    def page(self):
        with self.news:
            if self.bad:
                self.seen.setdefault(self.trial, time.monotonic())
            return f'# TYPE bad gauge\nbad{{trial="{self.trial}"}} {int(self.bad)}\n'.encode()

    def message(self, body):
        now = time.monotonic()
        with self.news:
            if f"trial-{self.trial}-bad" in body:
                self.told.setdefault(self.trial, now)
                self.news.notify_all()

    def turn(self, trial, bad):
        with self.news:
            self.trial, self.bad = trial, bad

    def wait(self, trial):
        with self.news:
            if not self.news.wait_for(lambda: trial in self.told, PATIENCE):
                sys.exit(f"{self.name}: no message for trial {trial} in {PATIENCE} s")

    def start(self, folder, *command):
        log = open(folder / f"{Path(command[0]).name}.log", "w")
        self.processes.append(subprocess.Popen(command, cwd=folder, stdout=log, stderr=log))


def serve(system):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.answer(system.page(), "text/plain; version=0.0.4")

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            system.message(body.decode())
            self.answer(b'{"errcode":0,"errmsg":"ok"}', "application/json")

        def answer(self, body, kind):
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_ours(folder, binary):
    ours = System("lingshao")
    url = f"http://127.0.0.1:{ours.receiver}/cgi-bin/webhook/send?key=bench"
    receivers = f"    wecom_configs: [{{url: '{url}', send_resolved: false}}]\n"
    (folder / "rules.yml").write_text(RULES)
    (folder / "lingshao.yml").write_text(SCRAPE % ours.target + "alerting:\n" + ROUTE + receivers)
    listen = f"127.0.0.1:{free_port()}"
    ours.start(folder, binary, "run", "--config", "lingshao.yml", "--data", "data", "--listen", listen)
    return ours


def start_theirs(folder):
    theirs = System("prometheus + alertmanager")
    receivers = f"    webhook_configs: [{{url: 'http://127.0.0.1:{theirs.receiver}/', send_resolved: false}}]\n"
    alertmanager = f"127.0.0.1:{free_port()}"
    (folder / "rules.yml").write_text(RULES)
    (folder / "alertmanager.yml").write_text("".join(line[2:] + "\n" for line in (ROUTE + receivers).splitlines()))
    alerting = f"alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{alertmanager}']}}]}}]}}\n"
    (folder / "prometheus.yml").write_text(SCRAPE % theirs.target + alerting)
    theirs.start(folder, "prometheus-alertmanager", "--config.file=alertmanager.yml", "--storage.path=am",
                 "--cluster.listen-address=", f"--web.listen-address={alertmanager}")
    theirs.start(folder, "prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=tsdb",
                 f"--web.listen-address=127.0.0.1:{free_port()}")
    return theirs


def quantile(values, q):
    """The smallest value that at least a share `q` of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-q * len(ordered) // 1) - 1)]


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("binary")
    options.add_argument("--trials", type=int, default=20)
    options.add_argument("--starts", type=int, default=5)
    options.add_argument("--only", choices=["ours", "theirs"])
    options = options.parse_args()
    seconds = {}
    for start in range(options.starts):
        trials = options.trials // options.starts + (start < options.trials % options.starts)
        for name, pairs in one_life(options.binary, options.only, trials).items():
            seconds.setdefault(name, []).extend(pairs)
    print(f"{'':26} from the first bad scrape    from the turn (s), {options.trials} trials")
    print(f"{'':26} {'p50':>8} {'p99':>8}          {'p50':>8} {'p99':>8}")
    result = {}
    for name, pairs in seconds.items():
        figures = [quantile([pair[clock] for pair in pairs], q) for clock in (0, 1) for q in (0.5, 0.99)]
        print("{:26} {:8.3f} {:8.3f}          {:8.3f} {:8.3f}".format(name, *figures))
        result[name] = dict(zip(["scrape_p50", "scrape_p99", "turn_p50", "turn_p99"], figures))
    print(json.dumps(result))


def one_life(binary, only, trials):
    """Starts both, tries, and ends them: seconds from the first bad scrape and from the turn, per system and trial."""
    systems = []
    with tempfile.TemporaryDirectory(prefix="alert-latency-") as folder:
        try:
            for name in ["ours", "theirs"]:
                if only not in (None, name):
                    continue
                own = Path(folder, name)
                own.mkdir()
                ours = str(Path(binary).resolve())
                systems.append(start_ours(own, ours) if name == "ours" else start_theirs(own))
            time.sleep(5)  # Both have scraped and evaluated a few times.
            turned = run(systems, trials)
        except SystemExit:
            for log in Path(folder).glob("*/*.log"):
                print(f"--- {log}\n{log.read_text()[-3000:]}", file=sys.stderr)
            raise
        finally:
            for process in [process for system in systems for process in system.processes]:
                process.terminate()
                process.wait(30)

    def both(system, trial):
        return system.told[trial] - system.seen[trial], system.told[trial] - turned[trial]

    return {system.name: [both(system, trial) for trial in turned] for system in systems}


def run(systems, trials):
    turned = {}
    for trial in range(1, trials + 1):
        # The bad one before has been seen good, there is no beat with the intervals, and a robot's 18 messages a
        # minute are not reached.
        time.sleep(3 + random.random())
        turned[trial] = time.monotonic()
        for system in systems:
            system.turn(trial, True)
        for system in systems:
            system.wait(trial)
        for system in systems:
            system.turn(trial, False)
    return turned


if __name__ == "__main__":
    main()
