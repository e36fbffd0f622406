#!/bin/sh
# Looks for what building (`setup.sh build`), building and testing (`setup.sh test`), or the trial of six hours in a shop as well
# (`setup.sh week`) need. On a Debian-like machine it installs what is missing and says what it installs; Rust and Node.js it
# only asks for.
set -eu

RUST_MINIMUM=1.94
NODE_MINIMUM=20.19
purpose=${1:-test}
missing=""

need() { # need COMMAND PACKAGE
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}

at_least() { # at_least MINIMUM VERSION
    [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]
}

need cc build-essential
if [ "$purpose" != build ]; then
    need curl curl
    # The host collector is compared with the original.
    need prometheus-node-exporter prometheus-node-exporter
    # Verdicts on rules, configurations and templates are compared with the originals', and Alertmanager's own
    # acceptance tests judge ours (tests/alertmanager).
    need promtool prometheus
    need amtool prometheus-alertmanager
    need go golang-go
    [ -d /usr/share/gocode/src/github.com/prometheus/alertmanager/test ] ||
        missing="$missing golang-github-prometheus-alertmanager-dev"
    # Business monitors act on real databases.
    find /usr/lib/postgresql -path '*/bin/initdb' 2>/dev/null | grep -q . || missing="$missing postgresql"
    need mariadbd mariadb-server
    need setpriv util-linux
    # Collectors of databases watch real ones, and are compared with the originals.
    need redis-server redis-server
    need prometheus-postgres-exporter prometheus-postgres-exporter
    need prometheus-mysqld-exporter prometheus-mysqld-exporter
    need prometheus-redis-exporter prometheus-redis-exporter
    # The vendors' own clients check our signatures, and FastAPI tries the Python package (python/tests).
    python3 -c 'import venv, ensurepip' 2>/dev/null || missing="$missing python3-venv"
    # It ships logs to us, by itself and through Elasticsearch's API (tests/log_clients).
    [ -x /usr/sbin/rsyslogd ] || need rsyslogd rsyslog
    find /usr/lib -path '*/rsyslog/omelasticsearch.so' 2>/dev/null | grep -q . || missing="$missing rsyslog-elasticsearch"
    # It stands in front of the shop of examples/fastapi-shop.
    [ -x /usr/sbin/nginx ] || need nginx nginx-light
    # The scenarios of Elasticsearch's API are run by a Python program.
    { python3 -c 'import requests, yaml' || /usr/bin/python3 -c 'import requests, yaml'; } 2>/dev/null ||
        missing="$missing python3-requests python3-yaml"
    # The guide's commands are run as they stand, and a backup is read by tar as well.
    need openssl openssl
    need zstd zstd
    # The page is tested in a browser (web/tests), with Chinese in it.
    need "${CHROMIUM:-chromium}" chromium
    find /usr/share/fonts -name 'NotoSansCJK*' 2>/dev/null | grep -q . || missing="$missing fonts-noto-cjk"
    # Our Debian package is judged by Debian.
    need lintian lintian
fi
if [ "$purpose" = week ]; then
    # A clock of its own, and a log storage to be compared with.
    need faketime faketime
    need victoria-metrics victoria-metrics
fi

if [ -n "$missing" ]; then
    echo "setup: installing Debian packages:$missing"
    if [ "$(id -u)" = 0 ]; then sudo=""; else sudo="sudo"; fi
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "setup: apt-get not found; please install:$missing" >&2
        exit 3
    fi
    export DEBIAN_FRONTEND=noninteractive
    # Some of these packages come with services. They are not started now; on a machine that boots into systemd, disable
    # those that you do not want: systemctl disable prometheus prometheus-alertmanager prometheus-node-exporter redis-server
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        trap '$sudo rm -f $policy' EXIT
        printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy >/dev/null
        $sudo chmod +x $policy
        echo "setup: services of these packages are not started now, but would be at the next boot"
    fi
    # shellcheck disable=SC2086
    $sudo apt-get install -y -q --no-install-recommends $missing >/tmp/lingshao-setup.log 2>&1 ||
        { $sudo apt-get update -q >/tmp/lingshao-setup.log 2>&1 &&
            $sudo apt-get install -y -q --no-install-recommends $missing >>/tmp/lingshao-setup.log 2>&1; } ||
        { tail -n 20 /tmp/lingshao-setup.log >&2; echo "setup: could not install$missing" >&2; exit 3; }
fi

if ! command -v cargo >/dev/null 2>&1; then
    echo "setup: Rust $RUST_MINIMUM or newer is needed; install it with rustup (https://rustup.rs)" >&2
    exit 3
fi
have=$(rustc --version | cut -d' ' -f2)
if ! at_least "$RUST_MINIMUM" "$have"; then
    echo "setup: Rust $have is too old, $RUST_MINIMUM or newer is needed: rustup update stable" >&2
    exit 3
fi
for component in rustfmt clippy; do
    cargo "${component#rust}" --version >/dev/null 2>&1 || rustup component add "$component"
done

# Not installed here: whoever has a Node.js of some kind chose how to install it.
ask_for_node() { # ask_for_node WHAT
    echo "setup: $1; building the page needs Node.js $NODE_MINIMUM (or 22.12) or newer with npm." >&2
    echo "setup: install it from https://nodejs.org/en/download, or with \`apt-get install nodejs npm\` on Debian 13 or newer" >&2
    exit 3
}
command -v node >/dev/null 2>&1 || ask_for_node "Node.js is not installed"
have=$(node --version | tr -d v)
case $have in
21.*) ask_for_node "Node.js $have is one of the versions that Vite does not run on" ;;
22.*) at_least 22.12 "$have" || ask_for_node "Node.js $have is too old" ;;
*) at_least "$NODE_MINIMUM" "$have" || ask_for_node "Node.js $have is too old" ;;
esac
command -v npm >/dev/null 2>&1 || ask_for_node "npm is not installed"
