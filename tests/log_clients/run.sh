#!/bin/sh
# What shops ship logs with, on the real binary: Elastic's clients for Python (two major versions) and JavaScript, the
# exporters of OpenTelemetry's SDK, handlers for Loki and Logstash, and rsyslog.
#
#   tests/log_clients/run.sh BINARY [PYTEST ARGUMENTS]
#
# The clients go into a folder under target/, made when it is missing or the pinned versions changed.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
binary=$(realpath "$1")
shift
target="${CARGO_TARGET_DIR:-$here/../../target}/log-clients"
pins="$here/requirements.txt $here/requirements-8.txt $here/package-lock.json"

# shellcheck disable=SC2086
if [ "$(cat $pins | sha256sum)" != "$(cat "$target/pins" 2>/dev/null)" ]; then
    echo "log_clients: installing clients into $target"
    rm -rf "$target"
    python3 -m venv "$target/venv"
    pip="$target/venv/bin/pip --disable-pip-version-check install --quiet"
    $pip --requirement "$here/requirements.txt"
    # The same package in an older version, which scripts find by PYTHONPATH.
    $pip --requirement "$here/requirements-8.txt" --target "$target/python-8"
    mkdir "$target/js"
    cp "$here/package.json" "$here/package-lock.json" "$here/elastic_js.mjs" "$target/js/"
    (cd "$target/js" && npm ci --silent --no-audit --no-fund)
    cat $pins | sha256sum >"$target/pins"
fi
cp "$here/elastic_js.mjs" "$target/js/"
cd "$here"
LINGSHAO_BIN=$binary LOG_CLIENTS=$(realpath "$target") PYTHONDONTWRITEBYTECODE=1 \
    exec "$target/venv/bin/python" -m pytest --rootdir "$here" -p no:cacheprovider "$@"
