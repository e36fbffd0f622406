"""Everything that runs beside each other in the trial: on ports of its own, in one folder, ended together."""

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from base64 import b64encode
from pathlib import Path

import yaml

from fakes import API_V3_KEY, PUBLIC_KEY_ID, SERIAL, WECOM_PATH, make_keys

HERE = Path(__file__).resolve().parent
EXAMPLE = HERE.parent
POSTGRES_BIN = max(Path("/usr/lib/postgresql").glob("*/bin"))
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def wait_for(what: str, check, patience: float = 30, pause: float = 0.2):
    """What `check` gives once it is true."""
    until = time.time() + patience
    while True:
        try:
            if found := check():
                return found
        except (OSError, ValueError, KeyError):
            pass
        if until < time.time():
            raise TimeoutError(f"{what}: not within {patience} s")
        time.sleep(pause)


class Usage:
    """Memory and CPU seconds of a program over its restarts."""

    def __init__(self):
        self.rss, self.own, self.cpu_of = [], [], {}

    def look(self, pids: list[int]):
        total, own = 0, 0
        for pid in pids:
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
                rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            except (OSError, IndexError):
                continue
            self.cpu_of[pid] = (int(fields[11]) + int(fields[12])) / CLOCK_TICKS
            kib = {line.split(":")[0]: int(line.split()[1]) for line in rollup.splitlines() if line.endswith("kB")}
            total, own = total + kib["Rss"] * 1024, own + kib["Anonymous"] * 1024
        if total:
            self.rss.append(total)
            self.own.append(own)

    def cpu(self) -> float:
        return sum(self.cpu_of.values())


class Program:
    def __init__(self, world, name: str, command: list, **more):
        self.world, self.name, self.command, self.more, self.process = world, name, [str(part) for part in command], more, None
        self.usage = Usage()
        world.programs.append(self)

    def start(self):
        log = (self.world.folder / f"{self.name}.log").open("a")
        self.process = subprocess.Popen(
            self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, **self.more)
        return self

    def stop(self, how=signal.SIGTERM, patience: float = 30):
        if self.process and self.process.poll() is None:
            self.usage.look([self.process.pid])
            self.process.send_signal(how)
            try:
                self.process.wait(patience)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                return False
        return True

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None


class World:
    def __init__(self, folder: Path, binary: Path, python: Path, speed: float):
        self.folder, self.speed, self.python = folder, speed, python
        self.programs: list[Program] = []
        folder.mkdir(parents=True)
        folder.chmod(0o755)
        names = ["web", "elasticsearch", "logstash", "syslog", "postgres", "redis", "shop", "nginx", "fakes", "mail",
                 "prometheus", "alertmanager", "victoria", "node", "pg_exporter", "redis_exporter"]
        self.port = dict(zip(names, free_ports(len(names)), strict=True))
        self.binary = folder / "lingshao"
        shutil.copy(binary, self.binary)
        self.config = folder / "etc" / "lingshao.yml"
        self.data = folder / "data"
        self.passwords = {"ming": "ming-is-the-admin", "xiaoli": "xiaoli-only-looks"}
        self.watching = threading.Event()

    # -- the shop's own parts ------------------------------------------------------------------------------------

    def start_databases(self):
        data = self.folder / "postgres"
        data.mkdir()
        shutil.chown(data, "nobody")
        nobody = ["setpriv", "--reuid=nobody", "--clear-groups", "--regid=nogroup"] if os.getuid() == 0 else []
        subprocess.run([*nobody, POSTGRES_BIN / "initdb", "-A", "trust", "-U", "postgres", "--no-sync", "-D", data],
                       check=True, stdout=subprocess.DEVNULL, cwd="/tmp")
        (data / "pg_hba.conf").write_text("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
        self.postgres = Program(self, "postgres", [
            *nobody, POSTGRES_BIN / "postgres", "-D", data, "-k", data, "-p", self.port["postgres"], "-c", "listen_addresses=127.0.0.1",
            "-c", "shared_buffers=64MB", "-c", "timezone=Asia/Shanghai"], cwd="/tmp").start()
        wait_for("postgres", lambda: self.sql("SELECT 1") == "1")
        self.sql("CREATE ROLE shop LOGIN PASSWORD 'shop'")
        self.sql("CREATE DATABASE shop OWNER shop")
        self.sql("CREATE ROLE lingshao LOGIN PASSWORD 'lingshao' IN ROLE pg_monitor")
        (self.folder / "redis").mkdir()
        self.redis = Program(self, "redis", [
            "redis-server", "--port", self.port["redis"], "--bind", "127.0.0.1", "--dir", self.folder / "redis", "--save", "",
            "--appendonly", "no"]).start()

    def sql(self, text: str, database: str = "postgres", separator: str = "|") -> str:
        done = subprocess.run(
            [POSTGRES_BIN / "psql", "-h", self.folder / "postgres", "-p", str(self.port["postgres"]), "-U", "postgres", "-d", database,
             "-AtqX", "-F", separator, "-v", "ON_ERROR_STOP=1", "-c", text], capture_output=True, text=True, cwd="/tmp")
        if done.returncode:
            raise ValueError(done.stderr)
        return done.stdout.strip()

    def start_fakes(self):
        make_keys(self.folder / "keys")
        self.fakes = Program(self, "fakes", [
            self.python, HERE / "fakes.py", self.folder, self.port["fakes"], self.port["mail"]]).start()
        wait_for("fakes", lambda: self.fake("GET", "/control/books") is not None)

    def fake(self, method: str, path: str):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port['fakes']}{path}", method=method)
        return json.load(urllib.request.urlopen(request, timeout=5))

    def start_shop(self):
        environment = os.environ | {
            "DATABASE_URL": f"postgres://shop:shop@127.0.0.1:{self.port['postgres']}/shop",
            "REDIS_URL": f"redis://127.0.0.1:{self.port['redis']}/0",
            "LINGSHAO_LOG_TO": f"tcp://127.0.0.1:{self.port['logstash']}", "SHOP_SPEED": str(self.speed),
            "WECHATPAY_ENDPOINT": f"http://127.0.0.1:{self.port['fakes']}", "WECHATPAY_KEYS": str(self.folder / "keys"),
            "WECHATPAY_SERIAL": SERIAL,
            "WECHATPAY_NOTIFY_URL": f"http://127.0.0.1:{self.port['shop']}/api/v1/payments/notify"}
        self.shop = Program(self, "shop", [
            self.python, "-m", "uvicorn", "shop.app:app", "--port", self.port["shop"]], cwd=EXAMPLE, env=environment).start()
        self.wait_shop()

    def wait_shop(self):
        wait_for("the shop", lambda: urllib.request.urlopen(f"http://127.0.0.1:{self.port['shop']}/health", timeout=2).status == 200)

    def start_nginx(self):
        logs = self.folder / "nginx"
        logs.mkdir()
        text = (EXAMPLE / "nginx.conf").read_text().replace("/var/log/nginx", str(logs))
        text = text.replace("127.0.0.1:8000", f"127.0.0.1:{self.port['shop']}").replace("127.0.0.1:8080", f"127.0.0.1:{self.port['nginx']}")
        (logs / "nginx.conf").write_text(
            f"daemon off; worker_processes 1; pid {logs}/pid; error_log {logs}/error.log;\nevents {{}}\nhttp {{\n"
            + "".join(f"{kind}_temp_path {logs}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
            + text + "}\n")
        self.nginx = Program(self, "nginx", ["/usr/sbin/nginx", "-c", logs / "nginx.conf", "-e", logs / "error.log"]).start()

    def start_rsyslog(self):
        work = self.folder / "rsyslog"
        work.mkdir()
        text = (EXAMPLE / "rsyslog.conf").read_text().replace("/var/log/nginx", str(self.folder / "nginx"))
        text = text.replace('port="5140"', f'port="{self.port["syslog"]}"')
        (work / "rsyslog.conf").write_text(f'global(workDirectory="{work}")\n{text}')
        self.rsyslog = Program(self, "rsyslog", ["/usr/sbin/rsyslogd", "-n", "-f", work / "rsyslog.conf", "-i", work / "pid"]).start()

    def start_customers(self, hour: float):
        self.customers = Program(self, "customers", [
            self.python, EXAMPLE / "customers.py", "--shop", f"http://127.0.0.1:{self.port['nginx']}", "--wallet",
            f"http://127.0.0.1:{self.port['fakes']}", "--speed", self.speed, "--hour", hour, "--report", self.folder / "customers.json"])
        return self.customers.start()

    # -- Lingshao ------------------------------------------------------------------------------------------------

    def write_config(self, change=lambda config: None):
        """The example's own file; other ports, addresses and, for timers of the shop, the speed are all that differs."""
        config = yaml.safe_load((EXAMPLE / "lingshao.yml").read_text())
        port = {name: f"127.0.0.1:{number}" for name, number in self.port.items()}
        config["web"] |= {"listen": port["web"], "external_url": f"http://{port['web']}"}
        config["web"]["users"] = [
            {"name": "ming", "password_hash": self.hash_of("ming"), "role": "admin"},
            {"name": "xiaoli", "password_hash": self.hash_of("xiaoli"), "role": "viewer"}]
        config["listeners"] = {name: port[name] for name in config["listeners"]}
        config["scrape_configs"][0]["static_configs"][0]["targets"] = [port["shop"]]
        config["rule_files"] = [str((EXAMPLE / file).resolve()) for file in config["rule_files"]]
        config["boards"] = [str((EXAMPLE / file).resolve()) for file in config["boards"]]
        smtp = config["alerting"]["global"]
        smtp |= {"smtp_smarthost": port["mail"], "smtp_require_tls": False}
        config["alerting"]["receivers"][2]["sms_configs"][0]["endpoint"] = f"http://{port['fakes']}/sms/"
        pay = config["shop"]["provider"]["wechatpay"]
        pay |= {"endpoint": f"http://{port['fakes']}", "private_key_file": str(self.folder / "keys/apiclient_key.pem"),
                "public_key_file": str(self.folder / "keys/pub_key.pem"), "public_key_id": PUBLIC_KEY_ID}
        config["shop"]["every"] = "5s"
        config["shop"]["monitors"]["order_timeout"] |= {"after": f"{int(1800 / self.speed)}s", "grace": f"{int(180 / self.speed)}s"}
        config["shop"]["monitors"]["refunds"] |= {"limits": {"fen_per_day": 100_000_000, "fen_per_refund": 1_000_000}}
        change(config)
        self.config.parent.mkdir(exist_ok=True)
        self.config.write_text(yaml.safe_dump(config, allow_unicode=True, sort_keys=False))

    def write_secrets(self):
        folder = self.config.parent / "secrets"
        folder.mkdir(parents=True)
        database = f"postgres://lingshao:lingshao@127.0.0.1:{self.port['postgres']}/shop"
        for name, text in {
            "postgres.dsn": database, "shop.url": database, "redis.dsn": f"redis://127.0.0.1:{self.port['redis']}",
            "wecom.url": f"http://127.0.0.1:{self.port['fakes']}{WECOM_PATH}", "smtp.password": "smtp", "aliyun.secret": "aliyun",
        }.items():
            (folder / name).write_text(text + "\n")
            (folder / name).chmod(0o600)

    def hash_of(self, name: str) -> str:
        if not hasattr(self, "hashes"):
            self.hashes = {}
        if name not in self.hashes:
            done = subprocess.run([self.binary, "passwd"], input=self.passwords[name] + "\n", capture_output=True, text=True, check=True)
            self.hashes[name] = next(word for word in done.stdout.split() if word.startswith("$argon2"))
        return self.hashes[name]

    def lingshao_command(self):
        return [self.binary, "run", "--config", self.config, "--data", self.data]

    def start_lingshao(self):
        if not hasattr(self, "lingshao"):
            self.lingshao = Program(self, "lingshao", self.lingshao_command())
        self.lingshao.start()
        return self.wait_lingshao()

    def wait_lingshao(self) -> float:
        """Seconds until it was ready."""
        began = time.time()
        wait_for("lingshao", lambda: self.api("GET", "/-/ready").status == 200, 60, 0.05)
        return time.time() - began

    def run_lingshao(self, *arguments) -> subprocess.CompletedProcess:
        return subprocess.run([self.binary, *map(str, arguments)], capture_output=True, text=True, timeout=60)

    def api(self, method: str, path: str, body=None, user: str | None = "ming", door: str = "web", kind="application/json", patience=20):
        """An answer of any status."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port[door]}{path}", data=data, method=method)
        if user:
            request.add_header("Authorization", "Basic " + b64encode(f"{user}:{self.passwords[user]}".encode()).decode())
        if data is not None:
            request.add_header("Content-Type", kind)
        try:
            return urllib.request.urlopen(request, timeout=patience)
        except urllib.error.HTTPError as error:
            return error

    def query(self, expression: str) -> list[tuple[dict, float]]:
        path = "/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        found = json.load(self.api("GET", path))
        return [(one["metric"], float(one["value"][1])) for one in found["data"]["result"]]

    def value(self, expression: str) -> float | None:
        found = self.query(expression)
        return found[0][1] if found else None

    def alerts(self) -> list[dict]:
        return json.load(self.api("GET", "/api/v1/alerts"))["data"]["alerts"]

    def count_logs(self, query: str, index: str = "*") -> int:
        path = f"/{index}/_count?" + urllib.parse.urlencode({"q": query})
        return json.load(self.api("GET", path, door="elasticsearch"))["count"]

    def told(self) -> list[dict]:
        file = self.folder / "told.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    # -- what it replaces ----------------------------------------------------------------------------------------

    def start_rivals(self):
        folder = self.folder / "rivals"
        folder.mkdir()
        port = {name: f"127.0.0.1:{number}" for name, number in self.port.items()}
        jobs = {"lingxian": port["shop"], "node": port["node"], "postgres": port["pg_exporter"], "redis": port["redis_exporter"]}
        config = {
            "global": {"scrape_interval": "15s", "evaluation_interval": "15s"},
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": [target]}]} for job, target in jobs.items()],
            "rule_files": [str(EXAMPLE.parent / "lingxian" / file) for file in
                           ("original/alerts.yml", "alerts.yml", "postgres.yml", "shop-alerts.yml", "watch.yml")],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [port["alertmanager"]]}]}]},
            "remote_write": [{"url": f"http://{port['victoria']}/api/v1/write"}]}
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        (folder / "alertmanager.yml").write_text(yaml.safe_dump({
            "route": {"receiver": "nobody", "group_by": ["alertname"]}, "receivers": [{"name": "nobody"}]}))
        database = f"postgres://lingshao:lingshao@{port['postgres']}/shop?sslmode=disable"
        commands = {
            "prometheus": ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/prometheus",
                           f"--web.listen-address={port['prometheus']}"],
            "prometheus-alertmanager": ["prometheus-alertmanager", f"--config.file={folder}/alertmanager.yml",
                             f"--storage.path={folder}/alertmanager", f"--web.listen-address={port['alertmanager']}",
                             "--cluster.listen-address="],
            "victoria-metrics": ["victoria-metrics", f"-storageDataPath={folder}/victoria", f"-httpListenAddr={port['victoria']}"],
            "prometheus-node-exporter": ["prometheus-node-exporter", f"--web.listen-address={port['node']}"],
            "prometheus-postgres-exporter": ["prometheus-postgres-exporter", f"--web.listen-address={port['pg_exporter']}"],
            "prometheus-redis-exporter": ["prometheus-redis-exporter", f"-web.listen-address={port['redis_exporter']}",
                               f"-redis.addr=redis://{port['redis']}"]}
        self.rivals = [
            Program(self, name, command, env=os.environ | {"DATA_SOURCE_NAME": database}).start()
            for name, command in commands.items() if shutil.which(command[0])]

    # -- all -----------------------------------------------------------------------------------------------------

    def watch(self):
        """Looks at memory and CPU every two seconds until the end."""
        def look():
            while not self.watching.wait(2):
                for program in self.programs:
                    if program.is_running():
                        program.usage.look([program.process.pid])
        threading.Thread(target=look, daemon=True).start()

    def stop(self):
        self.watching.set()
        for program in reversed(self.programs):
            how = signal.SIGINT if program.name == "postgres" else signal.SIGTERM
            program.stop(how, 10)
