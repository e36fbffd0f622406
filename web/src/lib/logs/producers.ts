// How logs come here: what to copy, for each of the producers a shop has. `{host}` and `{origin}` are where this page
// came from.

import type { Key } from '../../i18n';

export interface Producer {
  title: Key;
  code: string;
}

export function producers(host: string, origin: string): Producer[] {
  return PRODUCERS.map(({ title, code }) => ({ title, code: code.replace(/\{host\}/g, host).replace(/\{origin\}/g, origin) }));
}

const PRODUCERS: readonly Producer[] = [
  {
    title: 'logs.producer_try',
    code: `curl 'http://{host}:9200/_bulk' -H 'Content-Type: application/x-ndjson' \\
  --data-binary $'{"create":{"_index":"shop"}}\\n{"level":"INFO","message":"hello"}\\n'`,
  },
  {
    title: 'logs.producer_python',
    code: `# pip install lingshao
from lingshao import LingshaoMiddleware, configure_logging

configure_logging("shop", log_to="tcp://{host}:5000")
app.add_middleware(LingshaoMiddleware)`,
  },
  {
    title: 'logs.producer_java',
    code: `<!-- logback.xml, net.logstash.logback:logstash-logback-encoder -->
<appender name="LINGSHAO" class="net.logstash.logback.appender.LogstashTcpSocketAppender">
  <destination>{host}:5000</destination>
  <encoder class="net.logstash.logback.encoder.LogstashEncoder"/>
</appender>`,
  },
  {
    title: 'logs.producer_filebeat',
    code: `# filebeat.yml
output.elasticsearch:
  hosts: ["http://{host}:9200"]
  allow_older_versions: true
setup.template.enabled: false
setup.ilm.enabled: false`,
  },
  {
    title: 'logs.producer_otlp',
    code: `OTEL_LOGS_EXPORTER=otlp
OTEL_EXPORTER_OTLP_LOGS_PROTOCOL=http/protobuf
OTEL_EXPORTER_OTLP_LOGS_ENDPOINT={origin}/v1/logs`,
  },
];
