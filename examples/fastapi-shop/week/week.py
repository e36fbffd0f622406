#!/usr/bin/env python3
"""Six hours in the life of a shop (17:00 to 23:00 of its customers' day, then a night), with Lingshao beside it.

    week.py --binary target/ci/lingshao [--minutes 32] [--folder DIR] [--without-rivals]

Customers and the shop's timers run twelve times as fast as the clock; what Lingshao waits for (`for`, scrapes) does not. Each
thing that happens is a method below, in the order of the day; what an engineer must see of it is asserted there. Exit code 1
when one of these did not hold.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import traceback
import urllib.parse
from pathlib import Path

from world import EXAMPLE, World, wait_for

REPOSITORY = EXAMPLE.parent.parent
SPEED = 12.0
DISK_BYTES = 256 << 20
OPENS_AT = 17.0
FAKETIME = Path("/usr/lib") / f"{os.uname().machine}-linux-gnu/faketime/libfaketime.so.1"


class Week:
    def __init__(self, world: World, rivals: bool, pages: bool):
        self.world, self.rivals, self.pages = world, rivals, pages
        self.began, self.failed, self.facts = time.time(), [], {}

    # -- saying what is so ---------------------------------------------------------------------------------------

    def now(self) -> str:
        hour = OPENS_AT + (time.time() - self.began) * SPEED / 3600
        return f"{int(hour) % 24:02}:{int(hour % 1 * 60):02}"

    def say(self, text: str):
        print(f"[{(time.time() - self.began) / 60:5.1f} min, {self.now()}] {text}", flush=True)

    def holds(self, what: str, is_so, seen="") -> bool:
        self.say(f"{'ok  ' if is_so else 'FAIL'} {what}{f': {seen}' if seen != '' else ''}")
        if not is_so:
            self.failed.append(what)
        return bool(is_so)

    def until_minute(self, minute: float):
        left = self.began + minute * 60 - time.time()
        if 0 < left:
            time.sleep(left)

    def told_since(self, at: float, words: str, channel: str | None = None) -> list[dict]:
        return [one for one in self.world.told() if at <= one["at"] and words in one["text"] + one.get("body", "")
                and channel in (None, one["channel"])]

    def firing(self) -> set[str]:
        return {alert["labels"]["alertname"] for alert in self.world.alerts() if alert["state"] == "firing"}

    # -- the day -------------------------------------------------------------------------------------------------

    def set_up(self):
        world = self.world
        world.start_databases()
        world.start_fakes()
        world.start_shop()
        world.start_nginx()
        world.start_rsyslog()
        world.write_secrets()
        world.write_config()
        self.small_disk()
        first = world.run_lingshao("check", world.config)
        self.holds("the config is accepted", first.returncode == 0, first.stderr.strip()[:200])
        check = world.run_lingshao("shop", "check", "--config", world.config)
        self.holds("without rights `shop check` says which are enough", check.returncode == 1 and "GRANT" in check.stdout)
        for grant in re.findall(r"GRANT .*;", check.stdout):
            world.sql(grant, "shop")
        check = world.run_lingshao("shop", "check", "--config", world.config)
        self.holds("with them it is content", check.returncode == 0, check.stdout.strip()[-300:] if check.returncode else "")
        preview = world.run_lingshao("shop", "preview", "--config", world.config)
        self.holds("and previews", preview.returncode == 0, preview.stderr.strip()[:300])
        for receiver in ("wecom", "mail", "sms"):
            sent = world.run_lingshao("test", "receiver", receiver, "--config", world.config)
            self.holds(f"a test message reaches {receiver}", sent.returncode == 0 and self.told_since(0, "", receiver),
                       (sent.stdout + sent.stderr).strip()[:200])
        self.say(f"ready after {world.start_lingshao():.1f} s")
        if self.rivals:
            world.start_rivals()
        world.start_customers(OPENS_AT)
        world.watch()
        self.began = time.time()

    def small_disk(self):
        """The data folder on a file system of its own that can be filled."""
        data, image = self.world.data, self.world.folder / "disk.img"
        data.mkdir()
        with image.open("wb") as file:
            file.truncate(DISK_BYTES)
        commands = [["mkfs.ext4", "-q", "-m", "0", image], ["mount", "-o", "loop", image, data]]
        quiet = {"capture_output": True}
        self.has_small_disk = os.getuid() == 0 and all(subprocess.run(command, **quiet).returncode == 0 for command in commands)
        if os.getuid() == 0 and not self.has_small_disk:  # Without loop devices.
            size = f"size={DISK_BYTES}"
            self.has_small_disk = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", data], **quiet).returncode == 0

    def first_look(self):
        world = self.world
        ups = {metric["job"]: value for metric, value in world.query("up")}
        wanted = {"lingxian", "node", "postgres", "redis", "lingshao-shop", "lingshao"}
        self.holds("all that is watched is up", wanted <= {job for job, up in ups.items() if up == 1}, ups)
        plan = {
            "level:ERROR AND timestamp:[now-1h TO now]": 0, "process_time:>2 AND timestamp:[now-1h TO now]": 0,
            "path:/api/v1/payments/* AND status_code:500": 0}
        self.holds("the plan's queries are answered", all(world.count_logs(query) == count for query, count in plan.items()))
        user = world.sql("SELECT max(user_id) FROM litemall_order", "shop")
        self.holds("a customer's records are found", 3 <= world.count_logs(f"user_id:{user}"))
        self.holds("nginx's lines come by rsyslog", 50 < world.count_logs("appname:nginx AND status_code:200"))
        orders = int(world.sql("SELECT count(*) FROM litemall_order", "shop"))
        seen = world.value("orders_today")
        self.holds("orders_today is the database's figure", seen is not None and orders - 30 <= seen <= orders, f"{seen} of {orders}")
        board = {"QPS": "sum(rate(http_requests_total[1m]))", "active users": "max(active_users)", "pool": "db_pool_available",
                 "sales": "max(sales_today_fen)", "redis": "redis_connected_clients", "cpu": 'node_cpu_seconds_total{mode="idle"}'}
        for name, expression in board.items():
            self.holds(f"{name} has a value", world.value(expression) is not None)
        self.holds("nobody was told anything yet", not self.told_since(self.began, ""),
                   [one["text"][:80] for one in self.told_since(self.began, "")])

    def act(self):
        """The monitors' observing was right, so they may act."""
        world = self.world
        series = 'lingshao_shop_facts_total{monitor="order_timeout",fact="would_cancel"}'
        late = wait_for("an order that nobody pays", lambda: world.value(series), 240, 2)
        self.holds("observing found orders that nobody pays", 0 < late, late)
        touched = int(world.sql("SELECT count(*) FROM litemall_order WHERE order_status NOT IN (101, 201)", "shop"))
        self.holds("and touched none", touched == 0)

        def change(config):
            for monitor in config["shop"]["monitors"].values():
                monitor["mode"] = "act"
        self.acting = change
        world.write_config(change)
        answer = world.api("POST", "/-/reload")
        self.holds("act is taken by a reload", answer.status == 200, answer.read().decode()[:200] if answer.status != 200 else "")

    def deploy(self):
        world, at = self.world, time.time()
        world.shop.stop()
        world.shop.start()
        world.wait_shop()
        took = time.time() - at
        time.sleep(45)
        self.holds("a deploy raises no alert", not self.told_since(at, ""), [one["text"][:80] for one in self.told_since(at, "")])
        self.holds("both lines of the restart are there", 1 <= world.count_logs("message:店铺已停止") and 2 <= world.count_logs("message:店铺已启动"),
                   f"away for {took:.1f} s")

    def typo(self):
        world, at = self.world, time.time()
        good, before = world.config.read_text(), world.api("GET", "/api/v1/status/config").read()
        world.config.write_text(good.replace("scrape_configs:", "scrape_confgs:"))
        answer = world.api("POST", "/-/reload")
        said = answer.read().decode()
        self.holds("a typo is refused", answer.status in (400, 500) and "scrape_confgs" in said, f"{answer.status} {said[:300]}")
        world.lingshao.process.send_signal(signal.SIGHUP)
        time.sleep(2)
        self.holds("the old config stays", world.api("GET", "/api/v1/status/config").read() == before)
        self.holds("and that is a figure", world.value("lingshao_config_last_reload_successful") in (0, 1))
        rules = world.config.parent / "broken.yml"
        rules.write_text("groups: [{name: x, rules: [{alert: Broken, expr: 'rate(http_requests_total[5m'}]}]\n")
        world.config.write_text(good.replace("rule_files:\n", f"rule_files:\n- {rules}\n"))
        answer = world.api("POST", "/-/reload")
        said = answer.read().decode()
        self.holds("so is one in a rule", answer.status in (400, 500) and "broken.yml:1:" in said, f"{answer.status} {said[:300]}")
        count = len(json.load(world.api("GET", "/api/v1/rules"))["data"]["groups"])
        world.config.write_text(good)
        self.holds("put right, it is taken", world.api("POST", "/-/reload").status == 200)
        self.holds("no rule was lost meanwhile", count == len(json.load(world.api("GET", "/api/v1/rules"))["data"]["groups"]), count)
        self.holds("nobody was woken up", not self.told_since(at, ""))

    def upgrade(self):
        """The new program is put in the place of the old one, under load."""
        world, at = self.world, time.time()
        fresh = world.binary.with_suffix(".new")
        shutil.copy(world.binary, fresh)
        fresh.rename(world.binary)
        self.holds("it ends by itself when told to", world.lingshao.stop(patience=20), f"{time.time() - at:.1f} s")
        ready = world.start_lingshao()
        self.holds("the next is ready soon", ready < 5, f"{ready:.2f} s")
        time.sleep(20)
        self.holds("nobody was told for it", not self.told_since(at, ""), [one["text"][:80] for one in self.told_since(at, "")])

    def database(self):
        world, at = self.world, time.time()
        world.postgres.stop(signal.SIGINT)
        world.postgres.start()
        wait_for("postgres", lambda: world.sql("SELECT 1") == "1")
        time.sleep(40)
        self.holds("a restart of PostgreSQL is no alert", not self.told_since(at, "数据库"),
                   [one["text"][:60] for one in self.told_since(at, "")])
        at = time.time()
        world.postgres.stop(signal.SIGINT)
        try:
            def all_told():
                return all(self.told_since(at, "数据库连接失败", channel) for channel in ("wecom", "mail", "sms"))
            wait_for("DatabaseDown", all_told, 150, 1)
            self.holds("DatabaseDown is told by WeCom, mail and SMS", True, f"after {time.time() - at:.0f} s")
        except TimeoutError as error:
            self.holds("DatabaseDown is told by WeCom, mail and SMS", False, error)
        self.holds("the business monitors say so too", world.value("max(lingshao_shop_up)") == 0)
        self.facts["told while PostgreSQL was away"] = [one["channel"] + " " + one["text"][:70] for one in self.told_since(at, "")]
        if self.pages:
            self.look("database-down", "board", "shop", "targets")
        world.postgres.start()
        at = time.time()
        wait_for("postgres", lambda: world.sql("SELECT 1") == "1")
        try:
            wait_for("the end", lambda: self.told_since(at, "已恢复：DatabaseDown", "wecom"), 150, 1)
            self.holds("its end is told", True, f"after {time.time() - at:.0f} s")
        except TimeoutError as error:
            self.holds("its end is told", False, error)

    def monitors(self) -> dict[str, dict]:
        shop = json.load(self.world.api("GET", "/api/lingshao/v1/shop"))["shop"]
        return {monitor["name"]: monitor for monitor in shop["monitors"]}

    def brief(self, monitor: dict) -> dict:
        return {key: monitor[key] for key in ("name", "mode", "halted", "refuses", "error", "acted", "held")}

    def monitor(self) -> dict:
        return self.monitors()["order_timeout"]

    def backlog(self, patience: float = 40):
        """After an outage most of what is pending is late at once. The monitor asks a person, and believes him."""
        try:
            halted = wait_for("a halt", lambda: self.monitor()["halted"], patience, 1)
        except TimeoutError:
            return self.say("no backlog large enough to ask anybody")
        self.holds("a large backlog waits for a person", halted.startswith("share"), halted)
        path = "/api/lingshao/v1/shop/monitors/order_timeout/resume"
        word = json.load(self.world.api("POST", path, {}))
        before = self.cancelled()
        self.holds("who says so twice", self.world.api("POST", path, {"confirm": word["confirm"]}).status == 200)
        time.sleep(25)
        after, monitor = self.cancelled(), self.monitor()
        self.holds("and then it is worked off", not monitor["halted"] and before < after, f"{after - before} cancelled, {monitor['held']}")

    def cancelled(self) -> int:
        return int(self.world.sql("SELECT count(*) FROM litemall_order WHERE order_status = 103", "shop"))

    def full_disk(self):
        world = self.world
        if not self.has_small_disk:
            return self.say("skipped: a small disk needs root")
        before, at = world.count_logs("appname:nginx"), time.time()
        filler = world.data / "filler"
        with filler.open("wb") as file:
            try:
                while True:
                    file.write(b"x" * 65536)
            except OSError:
                pass
        try:
            wait_for("the message", lambda: self.told_since(at, "灵哨存不下新数据", "wecom"), 280, 2)
            self.holds("that nothing is kept any more is told", True, f"after {time.time() - at:.0f} s")
        except TimeoutError as error:
            self.holds("that nothing is kept any more is told", False, error)
        self.holds("with a full disk it goes on", world.lingshao.is_running() and world.api("GET", "/-/healthy").status == 200)
        ready = world.api("GET", "/-/ready")
        self.say(f"ready says {ready.status} {ready.read().decode()[:200]}")
        answer = world.api("POST", "/_bulk", b'{"create":{"_index":"disk"}}\n{"message":"full"}\n', door="elasticsearch", kind="application/x-ndjson")
        said = answer.read().decode()
        kept = world.count_logs("message:full", "disk*") if '"status":201' in said else None
        self.holds("what cannot be kept is not acknowledged", '"status":201' not in said or kept == 1, f"{answer.status} {said[:160]}")
        self.facts["told while the disk was full"] = [one["channel"] + " " + one["text"][:90] for one in self.told_since(at, "")]
        self.facts["said while the disk was full"] = self.new_lines("lingshao.log", r"WARN|ERROR")[-6:]
        if self.pages:
            self.look("disk-full", "board", "logs")
        self.say(f"the disk is empty again; {world.count_logs('appname:nginx') - before} lines came meanwhile")
        filler.unlink()
        time.sleep(45)
        lines, kept = self.nginx_lines(), world.count_logs("appname:nginx AND method:*")
        self.holds("and nothing of nginx's is missing", lines - 60 <= kept, f"{kept} of {lines}")
        errors = [monitor["error"] for monitor in self.monitors().values() if monitor["error"]]
        self.holds("and the monitors have their ledger again", not errors, errors)

    def outage(self):
        """20:30: WeChat Pay answers nobody."""
        self.outage_began = time.time()
        self.cancelled_before = self.cancelled()
        self.world.fake("POST", "/control/outage/1")
        self.say("the payment provider is down")

    def colleague(self):
        """Whoever may only look tries everything that changes something."""
        world, refused, taken = self.world, 0, []
        text = (REPOSITORY / "crates/lingshao/src/server/routes/mod.rs").read_text()
        doors = {"web": text, "elasticsearch": (REPOSITORY / "crates/lingshao/src/server/routes/elasticsearch.rs").read_text()}
        own = ("/api/lingshao/v1/session", "/_search/scroll", "/_pit")
        for door, text in doors.items():
            for path, methods, right in re.findall(r'route\("([^"]+)", (\w+), (\w+), ', text):
                for method in {"Post": ["POST"], "PostOrPut": ["POST", "PUT"], "Put": ["PUT"], "Delete": ["DELETE"]}.get(methods, []):
                    if path.startswith(own):
                        continue
                    address = re.sub(r"\{\w+\}", "shop", path)
                    status = world.api(method, address, {}, "xiaoli", door).status
                    # A callback is known by its signature, whoever brings it.
                    refusal = 401 if right == "Public" else 403
                    refused += status == refusal
                    if status != refusal:
                        taken.append((method, path, status))
        self.holds("a viewer changes nothing", not taken and 40 < refused, f"{refused} refused, {taken} not")
        shown = world.api("GET", "/api/v1/status/config", user="xiaoli").read().decode()
        secrets = [word for word in ("693a91f6", "lingshao:lingshao", "argon2", "smtp_pass") if word in shown]
        self.holds("nor sees a secret in the config", not secrets, secrets)
        about = json.load(world.api("GET", "/api/lingshao/v1/receivers", user="xiaoli"))
        self.holds("nor among the receivers", "693a91f6" not in json.dumps(about))
        self.holds("without a password nothing is shown", world.api("GET", "/api/v1/query?query=up", user=None).status == 401)

    def phone(self):
        if not self.pages:
            return
        seen = self.look("phone")
        too_wide = {name: page["too_wide"] for name, page in seen.items() if 0 < page["too_wide"]}
        self.holds("every page fits a phone", seen and not too_wide, too_wide)
        errors = {name: page["errors"] for name, page in seen.items() if page["errors"]}
        self.holds("without an error in the console", not errors, errors)

    def look(self, where: str, *pages: str) -> dict:
        folder = self.world.folder / "pictures" / where
        folder.mkdir(parents=True, exist_ok=True)
        playwright = REPOSITORY / "web/node_modules/playwright-core/index.mjs"
        url = f"http://127.0.0.1:{self.world.port['web']}"
        done = subprocess.run(
            ["node", Path(__file__).with_name("phone.mjs"), url, "xiaoli", self.world.passwords["xiaoli"], folder, playwright, *pages],
            capture_output=True, text=True, timeout=120)
        if done.returncode:
            self.holds(f"the pages open ({where})", False, done.stderr[-400:])
            return {}
        (folder / "seen.json").write_text(done.stdout)
        return json.loads(done.stdout)

    def kill(self):
        world, at = self.world, time.time()
        def since():
            found = {}
            for alert in world.alerts():
                begun = alert["activeAt"][:19]
                found[json.dumps(alert["labels"], sort_keys=True)] = time.mktime(time.strptime(begun, "%Y-%m-%dT%H:%M:%S"))
            return found
        pending = since()
        told_before = len(self.told_since(self.outage_began, "HighPayment"))
        world.lingshao.process.kill()
        world.lingshao.process.wait()
        ready = world.start_lingshao()
        time.sleep(25)
        after = since()
        # Time in which nobody looked does not count, as in Prometheus.
        moved = {key: after.get(key, 0) - begun for key, begun in pending.items() if not 0 <= after.get(key, 0) - begun <= 30}
        self.holds("kill -9: `for` goes on where it was", pending and not moved, f"{len(pending)} alerts, ready in {ready:.2f} s, {moved}")
        again = len(self.told_since(at, "HighPayment"))
        self.holds("what was told is not told again", again == 0 or told_before == 0, again)

    def outage_is_told(self):
        world = self.world

        def told():
            return {channel for channel in ("wecom", "mail", "sms") if self.told_since(self.outage_began, "支付失败率", channel)}
        try:
            wait_for("the outage", lambda: len(told()) == 3, 200, 1)
        except TimeoutError:
            pass
        first = min((one["at"] for one in self.told_since(self.outage_began, "支付失败率")), default=None)
        self.holds("the payment outage is told by all three", len(told()) == 3,
                   f"{first and round(first - self.outage_began)} s after its begin")
        self.facts["told of the outage"] = [
            f"{one['at'] - self.outage_began:.0f} s {one['channel']} {one['text'][:110]}" for one in self.told_since(self.outage_began, "")]
        failed = world.count_logs("path:/api/v1/payments/* AND status_code:500 AND logger:lingshao.request")
        self.holds("the plan's query finds the failed payments", 20 < failed, failed)
        self.holds("and level:ERROR the reason", 20 < world.count_logs("level:ERROR AND message:支付失败"))
        gone = self.cancelled() - self.cancelled_before
        self.holds("no order was cancelled that nobody could ask about", gone <= 5, gone)

    def outage_ends(self):
        world, at = self.world, time.time()
        world.fake("POST", "/control/outage/0")
        try:
            wait_for("the end", lambda: not any("Payment" in name for name in self.firing()), 400, 2)
            self.holds("the alert ends", True, f"{time.time() - at:.0f} s after the provider")
            wait_for("the message", lambda: self.told_since(at, "恢复", "wecom"), 90, 2)
            self.holds("and that is told", True)
        except TimeoutError as error:
            self.holds("the alert ends and is told", False, error)
        self.facts["monitors after the outage"] = [self.brief(monitor) for monitor in self.monitors().values()]
        self.facts["orders by status"] = world.sql("SELECT order_status, count(*) FROM litemall_order GROUP BY 1 ORDER BY 1", "shop")

    def money_is_right(self):
        """The provider's books are the truth that the shop's are held to."""
        world = self.world
        books = world.fake("GET", "/control/books")
        twice = [order for order in books["trades"]
                 if books["trades"][order]["fen"] < sum(r["fen"] for r in books["refunds"].values() if r["order"] == order)]
        self.holds("no money went back twice", not twice, f"{len(books['refunds'])} refunds, {len(books['trades'])} payments")
        paid = {order for order, trade in books["trades"].items() if trade["state"] == "SUCCESS"}
        cancelled = set(world.sql("SELECT order_sn FROM litemall_order WHERE order_status IN (102, 103, 104)", "shop").split())
        self.holds("no paid order is cancelled", not paid & cancelled, f"{len(paid)} paid, {len(cancelled)} cancelled")
        negative = world.sql(
            "SELECT count(*) FROM litemall_goods_product p WHERE number + (SELECT coalesce(sum(g.number), 0) FROM litemall_order_goods g"
            " JOIN litemall_order o ON o.id = g.order_id WHERE g.product_id = p.id AND o.order_status NOT IN (102, 103, 104, 203)) <> 2000", "shop")
        self.holds("stock and orders agree to the piece", negative == "0", f"{negative} products do not")
        verified = json.load(world.api("GET", "/api/lingshao/v1/shop/audit/verify"))
        self.holds("the audit trail is whole", verified.get("broken") in (None, False, []), verified)

    def night(self):
        """Stopped in the evening, found in the morning, eight hours by the clock."""
        world = self.world
        self.holds("it ends", world.lingshao.stop(patience=20))
        time.sleep(45)
        world.customers.stop()
        for program in (world.shop, world.nginx, world.rsyslog, world.redis, world.fakes, *getattr(world, "rivals", [])):
            program.stop()
        world.postgres.stop(signal.SIGINT)
        if FAKETIME.exists():
            shift = os.environ | {"LD_PRELOAD": str(FAKETIME), "FAKETIME": "+8h", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
            for program in world.programs:
                if program is world.redis:  # It keeps no times, and its allocator does not go with libfaketime.
                    continue
                if program.command[0] == "setpriv":  # Its semaphore belongs to the user that it becomes.
                    program.command[4:4] = ["env", *(f"{name}={shift[name]}" for name in ("LD_PRELOAD", "FAKETIME", "FAKETIME_DONT_FAKE_MONOTONIC"))]
                else:
                    program.more["env"] = program.more.get("env", {}) | shift
        else:
            self.say("without libfaketime (Debian: faketime) the night is two minutes long")
            time.sleep(120)
        self.morning = time.time()
        world.postgres.start()
        wait_for("postgres", lambda: world.sql("SELECT 1") == "1")
        for program in (world.redis, world.fakes, world.shop):
            program.start()
        world.wait_shop()
        world.nginx.start()
        world.rsyslog.start()
        self.say(f"morning; ready after {world.start_lingshao():.2f} s")
        world.customers.start()
        time.sleep(100)
        told = [one["channel"] + " " + one["text"][:100] for one in self.told_since(self.morning, "")]
        self.facts["told in the morning"] = told
        # That the evening's are over is told now, and right.
        wrong = [text for text in told if "已恢复" not in text and any(name in text for name in ("HighError", "HighPayment", "DatabaseDown", "DatabaseNotMonitored"))]
        self.holds("the morning begins without false alarms", not wrong, wrong)
        lines, kept = self.nginx_lines(), world.count_logs("appname:nginx AND method:*")
        self.holds("the night's lines of nginx came in the morning", lines - 60 <= kept, f"{kept} of {lines}")
        self.facts["monitors in the morning"] = [self.brief(monitor) for monitor in self.monitors().values()]
        refuses = (self.monitor()["refuses"] or {}).get("reason")
        self.holds("and the monitors know that it was night, and not a wrong clock", refuses in (None, "halted"), self.monitor()["refuses"])
        if self.pages:
            self.look("morning", "board", "shop", "alerts")

    # -- helpers -------------------------------------------------------------------------------------------------

    def nginx_lines(self) -> int:
        return len((self.world.folder / "nginx/access.log").read_text().splitlines())

    def new_lines(self, name: str, pattern: str) -> list[str]:
        text = (self.world.folder / name).read_text(errors="replace")
        return [line[:260] for line in text.splitlines() if re.search(pattern, line)]

    def figures(self):
        """Memory at its peak and in the middle, CPU of the whole run, disk: Lingshao beside the sum of what it replaces."""
        world = self.world
        disk = {"lingshao": self.size(world.data), "prometheus": self.size(world.folder / "rivals/prometheus"),
                "prometheus-alertmanager": self.size(world.folder / "rivals/alertmanager"),
                "victoria-metrics": self.size(world.folder / "rivals/victoria")}
        def middle(values):
            return sorted(values)[len(values) // 2] / 1e6 if values else 0.0

        columns = [("RSS median MB", 15), ("own median MB", 15), ("RSS peak MB", 13), ("CPU s", 9), ("disk MB", 9)]
        rows = []
        for program in [world.lingshao, *getattr(world, "rivals", [])]:
            use = program.usage
            peak = max(use.rss, default=0) / 1e6
            rows.append((program.name, middle(use.rss), middle(use.own), peak, use.cpu(), disk.get(program.name, 0) / 1e6))
        rows.append(("sum of the others", *(sum(row[column] for row in rows[1:]) for column in range(1, 6))))
        lines = ["", " " * 32 + "".join(f"{name:>{width}}" for name, width in columns)]
        for name, *values in rows:
            lines.append(f"{name:32}" + "".join(f"{value:{width}.1f}" for value, (_, width) in zip(values, columns)))
        if 2 < len(rows):
            ratios = [theirs / max(ours, 1e-9) for theirs, ours in zip(rows[-1][1:], rows[0][1:])]
            lines.append(f"{'ratio, others : lingshao':32}" + "".join(f"{ratio:{width}.2f}" for ratio, (_, width) in zip(ratios, columns)))
        lines.append("RSS counts pages of the program's file, too; own are those that nothing else has.")
        lines.append(f"lingshao alone kept {world.facts_of_logs} log records, told people and ran the business monitors; the others did not.")
        print("\n".join(lines), flush=True)

    def size(self, folder: Path) -> int:
        done = subprocess.run(["du", "-sb", folder], capture_output=True, text=True)
        return int(done.stdout.split()[0]) if done.returncode == 0 else 0

    def run(self, minutes: float, only: list[str]):
        plan = [
            (1, self.first_look), (3.5, self.act), (4, self.deploy), (5.5, self.typo), (6.5, self.upgrade), (7.5, self.database),
            (11.5, self.backlog), (12.7, self.full_disk), (17.5, self.outage), (18, self.colleague), (19, self.phone), (21, self.kill),
            (22, self.outage_is_told), (25, self.outage_ends), (29, self.backlog), (30.6, self.money_is_right), (30.7, self.measure), (30.8, self.night), (34, self.backlog)]
        if only:
            plan = [(1, getattr(self, name)) for name in only]
        self.set_up()
        for minute, happens in plan:
            if minutes <= minute:
                return
            self.until_minute(minute)
            self.say(f"-- {happens.__name__}")
            try:
                happens()
            except Exception as error:
                traceback.print_exc()
                self.holds(f"{happens.__name__} comes to its end", False, error)

    def measure(self):
        """Before the night, whose clock is another one."""
        self.world.facts_of_logs = self.world.count_logs("*")
        self.figures()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, required=True)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/lingshao-week"))
    parser.add_argument("--minutes", type=float, default=40, help="stop before what comes later than this")
    parser.add_argument("--without-rivals", action="store_true")
    parser.add_argument("--without-pages", action="store_true", help="no browser")
    parser.add_argument("--only", default="", help="names of methods, one after the other from the first minute on")
    arguments = parser.parse_args()
    if arguments.folder.exists():
        sys.exit(f"{arguments.folder} exists; delete it, or name another --folder")
    world = World(arguments.folder, arguments.binary, Path(sys.executable), SPEED)
    week = Week(world, not arguments.without_rivals, not arguments.without_pages)
    try:
        week.run(arguments.minutes, [name for name in arguments.only.split(",") if name])
        for name, seen in week.facts.items():
            print(f"\n{name}:")
            print("\n".join(map(str, seen)) if isinstance(seen, list) else seen)
    finally:
        world.stop()
        if getattr(week, "has_small_disk", False):
            subprocess.run(["umount", world.data], check=False)
    print(f"\n{len(week.failed)} did not hold" + "".join(f"\n  {what}" for what in week.failed))
    sys.exit(1 if week.failed else 0)


if __name__ == "__main__":
    main()
