"""Real clients ship, and what they shipped is found with its fields, level and time."""

import json
import logging
import logging.handlers
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import logging_loki
import logstash
import pytest
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource

from conftest import CLIENTS, PATIENCE, wait_for

HERE = Path(__file__).parent


def run(command, **environment):
    outcome = subprocess.run(
        command, capture_output=True, text=True, timeout=2 * PATIENCE, env={**os.environ, **environment}
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return outcome.stdout.strip()


@pytest.mark.parametrize(("path", "version"), [("", "9."), (str(CLIENTS / "python-8"), "8.")])
def test_elasticsearch_py(server, path, version):
    said = run([sys.executable, "-W", "error::DeprecationWarning", HERE / "elastic_py.py", server.elasticsearch], PYTHONPATH=path)
    assert said.startswith(version), said


def test_elasticsearch_js(server):
    assert int(run(["node", CLIENTS / "js/elastic_js.mjs", server.elasticsearch])) > 10


def exporters(server):
    otlp = server.doors["otlp"]
    return {
        "http": HttpExporter(endpoint=f"{server.url}/v1/logs"),
        "http-gzip": HttpExporter(endpoint=f"{server.url}/v1/logs", compression=Compression.Gzip),
        "grpc": GrpcExporter(endpoint=f"http://{otlp}", insecure=True),
    }


@pytest.mark.parametrize("way", ["http", "http-gzip", "grpc"])
def test_opentelemetry(server, way):
    provider = LoggerProvider(resource=Resource.create({"service.name": "payments"}))
    provider.add_log_record_processor(BatchLogRecordProcessor(exporters(server)[way]))
    logger = provider.get_logger("shop.pay", "1.0")
    at = 1_749_947_400_123_456_789
    for n in range(700):
        level = (SeverityNumber.ERROR, "ERROR") if n % 100 == 0 else (SeverityNumber.INFO, "INFO")
        logger.emit(
            LogRecord(
                timestamp=at + n,
                severity_number=level[0],
                severity_text=level[1],
                body=f"支付失败 {n}",
                attributes={"order_id": n, "http.route": "/pay", "tags": ["a", "b"]},
            )
        )
    assert provider.force_flush(20_000)
    provider.shutdown()
    assert len(server.search("service.name:payments AND http.route:/pay AND tags:b")) == 700
    errors = server.search("level:ERROR")
    assert [hit["source"]["order_id"] for hit in errors] == [0, 100, 200, 300, 400, 500, 600]
    first = errors[0]
    assert (first["time"], first["message"]) == ("2025-06-15T00:30:00.123456789Z", "支付失败 0")


def test_loki_handler(server):
    handler = logging_loki.LokiHandler(
        url=f"{server.url}/loki/api/v1/push", tags={"application": "shop"}, version="1"
    )
    logger = logging.Logger("loki")
    logger.addHandler(handler)
    logger.error("支付失败 %s", 7, extra={"tags": {"order": "7"}})
    logger.warning("stock is low")
    error, warning = server.soon("application:shop", 2)
    assert (error["level"], error["message"], error["source"]["order"]) == ("ERROR", "支付失败 7", "7")
    assert (warning["level"], warning["source"]["logger"]) == ("WARNING", "loki")


def test_logstash_handler(server):
    handler = logstash.TCPLogstashHandler("127.0.0.1", server.port("logstash"), version=1)
    logger = logging.Logger("stash")
    logger.addHandler(handler)
    logger.error("支付失败", extra={"order_id": 7})
    try:
        raise TimeoutError("channel")
    except TimeoutError:
        logger.exception("with a trace")
    handler.close()
    first, second = server.soon("logger_name:stash", 2)
    assert (first["level"], first["message"], first["source"]["order_id"]) == ("ERROR", "支付失败", 7)
    assert "TimeoutError: channel" in json.dumps(second["source"]), second


RSYSLOG = """
module(load="imuxsock" SysSock.Use="off")
module(load="omelasticsearch")
global(workDirectory="{folder}" maxMessageSize="64k")
template(name="json" type="list") {{
    constant(value="{{\\"@timestamp\\":\\"") property(name="timereported" dateFormat="rfc3339")
    constant(value="\\",\\"host\\":\\"") property(name="hostname")
    constant(value="\\",\\"severity\\":\\"") property(name="syslogseverity-text")
    constant(value="\\",\\"program\\":\\"") property(name="programname")
    constant(value="\\",\\"message\\":\\"") property(name="msg" format="jsonr" position.from="2")
    constant(value="\\"}}")
}}
input(type="imuxsock" Socket="{folder}/log" CreatePath="off" UseSysTimeStamp="off")
action(type="omelasticsearch" server="127.0.0.1" serverport="{elasticsearch}" template="json" searchIndex="rsyslog"
       bulkmode="on" searchType="" errorfile="{folder}/errors" action.resumeRetryCount="-1"
       queue.type="LinkedList" queue.dequeueBatchSize="200")
action(type="omfwd" target="127.0.0.1" port="{syslog}" protocol="tcp" TCP_Framing="octet-counted"
       template="RSYSLOG_SyslogProtocol23Format" action.resumeRetryCount="-1" queue.type="LinkedList")
action(type="omfwd" target="127.0.0.1" port="{syslog}" protocol="udp" template="RSYSLOG_TraditionalForwardFormat"
       queue.type="LinkedList")
"""


def test_rsyslog(server, tmp_path):
    rsyslogd = shutil.which("rsyslogd", path=os.environ["PATH"] + ":/usr/sbin")
    assert rsyslogd, "scripts/setup.sh installs what is missing"
    config = RSYSLOG.format(folder=tmp_path, elasticsearch=server.port("elasticsearch"), syslog=server.port("syslog"))
    (tmp_path / "rsyslog.conf").write_text(config)
    command = [rsyslogd, "-n", "-f", tmp_path / "rsyslog.conf", "-i", tmp_path / "pid"]
    daemon = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        wait_for("rsyslog's socket", (tmp_path / "log").exists)
        handler = logging.handlers.SysLogHandler(address=str(tmp_path / "log"))
        handler.ident = "shop: "
        logger = logging.Logger("syslog")
        logger.addHandler(handler)
        for n in range(300):
            (logger.error if n % 100 == 0 else logger.info)("订单 %s \"quoted\"", n)
        handler.close()
        # By _bulk and over TCP every line, over UDP most: the protocol promises nothing.
        shipped = server.soon("program:shop", 300)
        forwarded = wait_for("what is forwarded", lambda: len(hits := server.search("appname:shop")) >= 301 and hits)
    finally:
        daemon.terminate()
        said, _ = daemon.communicate(timeout=PATIENCE)
    assert not (tmp_path / "errors").exists(), (tmp_path / "errors").read_text()
    assert [hit["message"] for hit in shipped[:2]] == ['订单 0 "quoted"', '订单 1 "quoted"'], said
    errors = [hit["message"] for hit in shipped if hit["level"] == "ERROR"]
    assert errors == [f'订单 {n} "quoted"' for n in (0, 100, 200)]
    assert {hit["index"] for hit in shipped} == {"rsyslog"} and {hit["index"] for hit in forwarded} == {"logs"}
    assert all(abs(time.time() - when(hit)) < 600 for hit in shipped + forwarded)
    assert {hit["source"]["facility"] for hit in forwarded} == {"user"}
    assert {hit["message"] for hit in forwarded} == {hit["message"] for hit in shipped}


def when(hit):
    from datetime import datetime

    return datetime.fromisoformat(hit["time"][:19] + "+00:00").timestamp()
