#!/bin/sh
# Asks the vendors' SDKs again and compares with expected.json, against which `cargo test` holds our signers.
# The SDKs go into a virtual environment under target/, made when it is missing or the pinned versions changed.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
venv="${CARGO_TARGET_DIR:-$here/../../../../target}/vendor-sdks"

if ! cmp -s "$here/requirements.txt" "$venv/requirements.txt"; then
    echo "vendor_sdks: installing the vendors' SDKs into $venv"
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/requirements.txt"
fi
"$venv/bin/python" -W ignore "$here/expected.py" >"$venv/expected.json"
if ! diff -u "$here/expected.json" "$venv/expected.json"; then
    echo "vendor_sdks: the SDKs' answers are not those of expected.json" >&2
    exit 1
fi
echo "vendor_sdks: the vendors' SDKs and our signers agree"
