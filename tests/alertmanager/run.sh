#!/bin/sh
# Alertmanager's own acceptance tests (0.25, from Debian) against our binary: a line per test, then the count.
#
#   tests/alertmanager/run.sh BINARY     judges BINARY; `stock` judges Debian's Alertmanager, which proves this runner
#
# FLOOR     fails when fewer tests pass; the default is all of them
# TRIES     how often a test that failed is tried again alone; its deadlines are tenths of a second, and machines
#           that build beside it miss them. A test that needed that is marked.
# WORKSPACE folder for the built tests and Go's cache
set -eu

BINARY=${1:?usage: run.sh BINARY or run.sh stock}
FLOOR=${FLOOR:-21}
TRIES=${TRIES:-2}
here=$(cd "$(dirname "$0")" && pwd)
WORKSPACE=${WORKSPACE:-${CARGO_TARGET_DIR:-$here/../../target}/alertmanager}
SOURCES=/usr/share/gocode/src
PACKAGE=github.com/prometheus/alertmanager/test

if [ ! -d "$SOURCES/$PACKAGE" ]; then
    echo "alertmanager: install golang-github-prometheus-alertmanager-dev (scripts/setup.sh does)" >&2
    exit 3
fi
command -v go >/dev/null 2>&1 || PATH=$PATH:/usr/local/go/bin:/usr/lib/go/bin
[ "$BINARY" = stock ] || BINARY=$(realpath "$BINARY")

mkdir -p "$WORKSPACE/gopath/bin"
WORKSPACE=$(cd "$WORKSPACE" && pwd)
ln -sfn "$SOURCES" "$WORKSPACE/gopath/src"
ln -sf "$(command -v amtool)" "$WORKSPACE/gopath/bin/amtool"
ln -sf "$here/prometheus-alertmanager" "$WORKSPACE/gopath/bin/prometheus-alertmanager"
export GOPATH="$WORKSPACE/gopath" GOCACHE="$WORKSPACE/gocache" GO111MODULE=off GOTOOLCHAIN=local GOFLAGS=
echo "alertmanager: building the tests with $(go version | cut -d' ' -f3) (two minutes the first time)"
nice -n 15 go test -c -o "$WORKSPACE/api.test" "$PACKAGE/with_api_v2/acceptance"
nice -n 15 go test -c -o "$WORKSPACE/cli.test" "$PACKAGE/cli/acceptance"

TMPDIR=$(mktemp -d "${TMPDIR:-/tmp}/lingshao-acceptance.XXXXXX")
export TMPDIR LINGSHAO="$BINARY"
trap 'rm -rf "$TMPDIR"' EXIT

# Runs tests of a suite by name, and prints `NAME ok|FAILED` for each; what they said stays in TMPDIR.
run() { # run SUITE PATTERN LOG
    "$WORKSPACE/$1.test" -test.v -test.parallel 4 -test.timeout 10m -test.run "$2" >"$TMPDIR/$3" 2>&1 || true
    sed -n 's/^--- PASS: \(Test[A-Za-z0-9]*\).*/\1 ok/p; s/^--- FAIL: \(Test[A-Za-z0-9]*\).*/\1 FAILED/p' "$TMPDIR/$3"
}

total=0 passed=0
for suite in api cli; do
    run $suite . $suite.log >"$TMPDIR/$suite.verdicts"
    for name in $("$WORKSPACE/$suite.test" -test.list .); do
        total=$((total + 1))
        verdict=$(sed -n "s/^$name //p" "$TMPDIR/$suite.verdicts")
        try=1
        while [ "${verdict%% *}" != ok ] && [ $try -le "$TRIES" ]; do
            [ "$(run $suite "^$name\$" "$name.log")" = "$name ok" ] && verdict="ok (tried again: $try)"
            try=$((try + 1))
        done
        echo "$suite $name ${verdict:-did not run}"
        case "$verdict" in
        ok*) passed=$((passed + 1)) ;;
        *) tail -n "${LINES_SHOWN:-60}" "$TMPDIR/$name.log" | sed 's/^/    /' ;;
        esac
    done
done
echo "alertmanager: $passed of $total acceptance tests pass"
[ "$passed" -ge "$FLOOR" ]
