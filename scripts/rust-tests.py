#!/usr/bin/env python3
"""Builds all Rust tests and runs the programs side by side: most of them wait for a process, an interval, a retry.

    scripts/rust-tests.py [--jobs N] [--build-only] [CARGO TEST ARGUMENTS]      --workspace --profile ci

What a program said is printed whole when it has ended, with its times; the first that fails does not stop the others.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# The longest first, so that none of them is left alone at the end. Whatever is not named here comes after them.
LONGEST_FIRST = ["alerting", "demo", "it", "notify", "lingshao_demo", "rules", "scrape", "shop", "crash"]
# Programs whose tests mostly wait get more threads than there are cores; the others as many as cores, as usual.
WAITING_THREADS = {"alerting": 8, "demo": 5, "notify": 6, "rules": 4, "lingshao_demo": 4}


def built(arguments):
    """The test programs as (name, path, folder of their package), and what a test would be told of the build."""
    command = [os.environ.get("CARGO", "cargo"), "test", *arguments]
    build = subprocess.run([*command, "--no-run", "--message-format=json-render-diagnostics"], stdout=subprocess.PIPE, text=True)
    if build.returncode != 0:
        sys.exit(build.returncode)
    programs = []
    for line in build.stdout.splitlines():
        message = json.loads(line)
        if message["reason"] == "compiler-artifact" and message["profile"]["test"] and message.get("executable"):
            folder = Path(message["manifest_path"]).parent
            programs.append((message["target"]["name"], message["executable"], folder))
    if not programs:
        sys.exit("rust-tests: no test program was built")
    return programs


def place(program):
    name = program[0]
    return LONGEST_FIRST.index(name) if name in LONGEST_FIRST else len(LONGEST_FIRST)


def run(program):
    """What a program said and whether it is content."""
    name, path, folder = program
    environment = {**os.environ, "CARGO_MANIFEST_DIR": str(folder)}
    if name in WAITING_THREADS:
        environment.setdefault("RUST_TEST_THREADS", str(WAITING_THREADS[name]))
    began = time.monotonic()
    child = subprocess.Popen([path], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = child.stdout.read().decode(errors="replace")
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    took, cpu = time.monotonic() - began, usage.ru_utime + usage.ru_stime
    told = f"     Running {folder.name} {name}: {took:.0f} s, {cpu:.0f} s of CPU\n{said}"
    sys.stdout.write(told)
    sys.stdout.flush()
    return child.returncode == 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=3)
    parser.add_argument("--build-only", action="store_true")
    own, arguments = parser.parse_known_args()
    programs = sorted(built(arguments), key=place)
    if own.build_only:
        return
    with ThreadPoolExecutor(own.jobs) as pool:
        content = list(pool.map(run, programs))
    wrong = [f"{folder.name} {name}" for (name, _, folder), well in zip(programs, content) if not well]
    documents = subprocess.run([os.environ.get("CARGO", "cargo"), "test", *arguments, "--doc", "--quiet"])
    if wrong or documents.returncode != 0:
        sys.exit(f"rust-tests: failed: {', '.join(wrong) or 'documentation'}")
    print(f"rust-tests: {len(programs)} programs passed")


main()
