#!/usr/bin/env python3
"""What a tick of the business monitors costs a shop with many orders: CPU of Lingshao and of the database, memory, time.

    benches/shop-cost.py BINARY [--orders 1000000] [--days 90] [--every 10s] [--seconds 120] [--per-minute 60]
                         [--databases postgres,mariadb,sqlite] [--index no,yes] [--keys growing]

A database of this run's own (PostgreSQL, MariaDB: their servers must be installed) gets litemall's tables with primary
keys only, and with `--index yes` the index that `lingshao shop check` suggests. `--orders` orders were placed evenly over
`--days` days, one in 200 of the last hour's waits for payment; beside the monitors (preset `litemall`, all in observe) a
customer places `--per-minute` orders. With `--keys integer` nothing is said of the keys' order, as with UUIDs: orders are found
by when they were placed, by the index that is offered for that. What the database does without Lingshao is measured first and subtracted.

`bootstrap` is from the start until the day's figures are there; `minute` is the mean of `--seconds` after it. CPU is user
and system time, in seconds. Prints one line of JSON a case, asserts nothing. Needs nothing beyond Python's standard library
and, where the caller is root, `setpriv`.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
TABLES = [
    "litemall_goods_product (id BIGINT PRIMARY KEY, goods_id BIGINT NOT NULL, number BIGINT NOT NULL, update_time TIME_TYPE, deleted SMALLINT DEFAULT 0)",
    "litemall_order (id BIGINT PRIMARY KEY, user_id BIGINT NOT NULL, order_sn VARCHAR(63) NOT NULL, order_status SMALLINT NOT NULL, "
    "consignee VARCHAR(63) DEFAULT 'customer', address VARCHAR(127) DEFAULT 'a street of some length, 100 000 Beijing, China', "
    "actual_price DECIMAL(10,2) NOT NULL, pay_time TIME_TYPE, refund_amount DECIMAL(10,2), refund_type VARCHAR(63), refund_time TIME_TYPE, "
    "end_time TIME_TYPE, add_time TIME_TYPE, update_time TIME_TYPE, deleted SMALLINT DEFAULT 0)",
    "litemall_order_goods (id BIGINT PRIMARY KEY, order_id BIGINT NOT NULL, product_id BIGINT NOT NULL, number SMALLINT NOT NULL)",
    "litemall_coupon_user (id BIGINT PRIMARY KEY, user_id BIGINT NOT NULL, coupon_id BIGINT NOT NULL, status SMALLINT, used_time TIME_TYPE, order_id BIGINT, update_time TIME_TYPE)",
    "litemall_groupon (id BIGINT PRIMARY KEY, order_id BIGINT NOT NULL, groupon_id BIGINT, rules_id BIGINT NOT NULL, status SMALLINT, update_time TIME_TYPE, deleted SMALLINT DEFAULT 0)",
    "litemall_groupon_rules (id BIGINT PRIMARY KEY, discount_member BIGINT NOT NULL, expire_time TIME_TYPE)",
]
SET_UP = "INSERT INTO litemall_goods_product (id, goods_id, number) VALUES (1, 1, 1000), (2, 2, 5)"
COLUMNS = "id, user_id, order_sn, order_status, actual_price, add_time, pay_time"


def unprivileged(folder, command):
    """Both servers refuse to run as root."""
    if os.getuid() != 0:
        return command
    shutil.chown(folder, "nobody")
    return ["setpriv", "--reuid=nobody", "--clear-groups", "--regid=nogroup", *command]


def cpu(pid, with_children=False):
    """Seconds of a process; with those it has, and had."""
    def of(stat, fields):
        return sum(int(stat[field]) for field in fields) / TICKS
    stats = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "stat").read_text()
            except OSError:
                continue
            stats[int(entry.name)] = text.rsplit(")", 1)[1].split()
    own = of(stats[pid], (11, 12, 13, 14) if with_children else (11, 12))
    children = sum(of(stat, (11, 12)) for stat in stats.values() if int(stat[1]) == pid) if with_children else 0
    return own + children


class Postgres:
    name, time_type = "postgres", "TIMESTAMP"

    def __init__(self, folder):
        binaries = max(Path("/usr/lib/postgresql").iterdir()) / "bin"
        data = folder / "data"
        init = [binaries / "initdb", "-A", "trust", "-U", "shop", "--no-sync", "-D", data]
        subprocess.run(unprivileged(folder, init), check=True, cwd="/tmp", stdout=subprocess.DEVNULL)
        server = [binaries / "postgres", "-D", data, "-k", folder, "-c", "listen_addresses=", "-c", "shared_buffers=256MB", "-c", "timezone=UTC"]
        self.process = subprocess.Popen(unprivileged(folder, server), cwd="/tmp", stderr=subprocess.DEVNULL)
        self.shell = ["psql", "-q", "-v", "ON_ERROR_STOP=1", "-U", "shop", "-h", folder, "postgres"]
        self.url = f"postgres://shop@localhost:5432/postgres?host={folder}"

    def ago(self, seconds):
        return f"date_trunc('second', clock_timestamp() AT TIME ZONE 'UTC' + INTERVAL '8 hours' - ({seconds}) * INTERVAL '1 second')"

    def numbers(self, count):
        return f"generate_series(1, {count}) AS n(i)"

    analyze = "VACUUM ANALYZE litemall_order"
    index = "CREATE INDEX lingshao_pending ON litemall_order (add_time) WHERE order_status=101"

    def cpu(self):
        return cpu(self.process.pid, True)


class Mariadb:
    name, time_type = "mariadb", "DATETIME"

    def __init__(self, folder):
        data, sock = folder / "data", folder / "socket"
        environment = {**os.environ, "TMPDIR": str(folder)}
        init = ["mariadb-install-db", "--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", f"--datadir={data}"]
        subprocess.run(unprivileged(folder, init), check=True, cwd="/tmp", env=environment, stdout=subprocess.DEVNULL)
        server = ["mariadbd", "--no-defaults", "--skip-networking", "--innodb-buffer-pool-size=256M", f"--datadir={data}", f"--socket={sock}",
                  f"--pid-file={folder / 'pid'}"]
        self.process = subprocess.Popen(unprivileged(folder, server), cwd="/tmp", env=environment, stderr=subprocess.DEVNULL)
        self.shell = ["mariadb", "-u", "root", "-S", sock, "mysql"]
        self.url = f"mysql://root@localhost/mysql?socket={sock}"

    def ago(self, seconds):
        return f"(UTC_TIMESTAMP() + INTERVAL 8 HOUR - INTERVAL ({seconds}) SECOND)"

    def numbers(self, count):
        return f"(SELECT seq AS i FROM seq_1_to_{count}) n"

    analyze = "ANALYZE TABLE litemall_order"
    index = "CREATE INDEX lingshao_pending ON litemall_order (order_status, add_time)"

    def cpu(self):
        return cpu(self.process.pid)


class Sqlite:
    """Works inside of Lingshao: its CPU is Lingshao's."""
    name, time_type = "sqlite", "DATETIME"
    process = None

    def __init__(self, folder):
        self.connection = sqlite3.connect(folder / "shop.db", isolation_level=None, timeout=30)
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.url = f"sqlite:{folder / 'shop.db'}"

    def ago(self, seconds):
        return f"datetime('now', '+8 hours', '-' || CAST({seconds} AS INTEGER) || ' seconds')"

    def numbers(self, count):
        return f"(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) SELECT i FROM n) n"

    analyze = "SELECT 1"
    index = Postgres.index

    def cpu(self):
        return 0.0


def run(database, sql):
    if isinstance(database, Sqlite):
        database.connection.execute(sql)
        return
    for _ in range(300):
        done = subprocess.run(database.shell, input=f"{sql};\n", text=True, capture_output=True)
        if done.returncode == 0:
            return
        if "onnect" not in done.stderr:
            raise SystemExit(f"{sql[:200]}: {done.stderr}")
        time.sleep(0.2)
    raise SystemExit(f"{database.name} does not answer")


def order(database, key, status, ago):
    paid = database.ago(ago) if status == 201 else "NULL"
    return f"INSERT INTO litemall_order ({COLUMNS}) VALUES ({key}, 1, 'SN{key}', {status}, 19.90, {database.ago(ago)}, {paid})"


def fill(database, orders, days):
    for table in TABLES:
        run(database, "CREATE TABLE " + table.replace("TIME_TYPE", database.time_type))
    run(database, SET_UP)
    apart = days * 86_400 / orders
    age = f"({orders} - n.i) * {apart:.6f}"
    # Whoever has not paid after half an hour was cancelled long ago.
    status = f"CASE WHEN {age} < 1800 AND n.i % 20 = 0 THEN 101 WHEN n.i % 3 = 0 THEN 103 WHEN n.i % 97 = 0 THEN 203 ELSE 401 END"
    paid = f"CASE WHEN n.i % 3 = 0 OR ({age} < 1800 AND n.i % 20 = 0) THEN NULL ELSE {database.ago(age)} END"
    run(database, f"INSERT INTO litemall_order ({COLUMNS}) SELECT n.i, n.i % 5000, CONCAT('SN', n.i), {status}, 19.90, {database.ago(age)}, {paid} "
                  f"FROM {database.numbers(orders)}".replace("CONCAT('SN', n.i)", "'SN' || n.i" if isinstance(database, Sqlite) else "CONCAT('SN', n.i)"))
    run(database, database.analyze)


class Customer:
    """Places orders through a connection of its own, one every so often."""

    def __init__(self, database, first, per_minute):
        self.database, self.key, self.pause = database, first, 60 / per_minute
        self.shell = None
        if not isinstance(database, Sqlite):
            self.shell = subprocess.Popen(database.shell, stdin=subprocess.PIPE, text=True, stdout=subprocess.DEVNULL)

    def shop(self, seconds, look=lambda: None):
        ends = time.monotonic() + seconds
        due = time.monotonic()
        while time.monotonic() < ends:
            if due <= time.monotonic():
                self.key += 1
                sql = order(self.database, self.key, 101 if self.key % 2 else 201, 0)
                if self.shell:
                    self.shell.stdin.write(sql + ";\n")
                    self.shell.stdin.flush()
                else:
                    self.database.connection.execute(sql)
                due += self.pause
            if look():
                return
            time.sleep(0.05)


class Lingshao:
    def __init__(self, binary, folder, url, every, keys):
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{one.getsockname()[1]}"
        (folder / "shop.url").write_text(url)
        config = folder / "lingshao.yml"
        config.write_text(f"shop:\n  database: {{url_file: shop.url}}\n  preset: litemall\n  every: {every}\n"
                          f"  orders: {{key: {{id: id, no: order_sn, kind: {keys}}}}}\n")
        command = [binary, "run", "--config", config, "--listen", self.address, "--data", folder / "own"]
        self.log = open(folder / "log", "w")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)

    def look(self):
        try:
            with urllib.request.urlopen(f"http://{self.address}/api/lingshao/v1/shop", timeout=10) as answer:
                return json.load(answer)["shop"] or {}
        except OSError:
            return {}

    def memory(self):
        lines = (Path("/proc") / str(self.process.pid) / "status").read_text().splitlines()
        return round(int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024)


def case(kind, index, keys, options):
    folder = Path(tempfile.mkdtemp(prefix="shop-cost-"))
    folder.chmod(0o755)
    home = folder / "database"
    home.mkdir()
    database = kind(home)
    lingshao = None
    try:
        fill(database, options.orders, options.days)
        if index:
            run(database, database.index)
        if keys != "growing":
            run(database, "CREATE INDEX lingshao_created ON litemall_order (add_time)")
        customer = Customer(database, options.orders, options.per_minute)
        before = database.cpu()
        customer.shop(20)
        idle = (database.cpu() - before) / 20
        own = folder / "lingshao"
        own.mkdir()
        before, begun = database.cpu(), time.monotonic()
        lingshao = Lingshao(options.binary, own, database.url, options.every, keys)
        shop = {}

        def is_there():
            shop.update(lingshao.look())
            return shop.get("figures") is not None
        customer.shop(600, is_there)
        took = time.monotonic() - begun
        bootstrap = {"seconds": round(took, 1), "lingshao_cpu": round(cpu(lingshao.process.pid), 2),
                     "database_cpu": round(database.cpu() - before - idle * took, 2), "tick_ms": round(1000 * shop.get("tickSeconds", 0))}
        ticks = {}

        def note():
            view = lingshao.look()
            ticks[view.get("tickAt")] = 1000 * view.get("tickSeconds", 0)
            time.sleep(0.5)
        first, own_first, begun = database.cpu(), cpu(lingshao.process.pid), time.monotonic()
        customer.shop(options.seconds, note)
        took = time.monotonic() - begun
        minute = {"lingshao_cpu": round((cpu(lingshao.process.pid) - own_first) * 60 / took, 2),
                  "database_cpu": round((database.cpu() - first - idle * took) * 60 / took, 2),
                  "tick_ms": round(statistics.median(ticks.values())), "tick_ms_max": round(max(ticks.values()))}
        view = lingshao.look()
        print(json.dumps({"database": database.name, "index": index, "keys": keys, "orders": options.orders, "days": options.days, "every": options.every,
                          "bootstrap": bootstrap, "minute": minute, "rss_mib": lingshao.memory(),
                          "orders_total": (view.get("figures") or {}).get("ordersTotal"), "placed": customer.key}), flush=True)
        if customer.shell:
            customer.shell.stdin.close()
            customer.shell.wait()
    finally:
        for process in [lingshao and lingshao.process, database.process]:
            if process:
                process.send_signal(signal.SIGTERM if process is not database.process or database.name != "postgres" else signal.SIGINT)
                process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--every", default="10s")
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--per-minute", type=int, default=60)
    parser.add_argument("--databases", default="postgres,mariadb,sqlite")
    parser.add_argument("--index", default="no,yes")
    parser.add_argument("--keys", default="growing", help="growing, integer, or both with a comma")
    options = parser.parse_args()
    kinds = {kind.name: kind for kind in (Postgres, Mariadb, Sqlite)}
    for name in options.databases.split(","):
        for index in options.index.split(","):
            for keys in options.keys.split(","):
                case(kinds[name], index == "yes", keys, options)


main()
