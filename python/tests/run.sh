#!/bin/sh
# The package in a real shop: FastAPI under uvicorn and gunicorn, in a virtual environment under target/ that is made when
# it is missing or the pinned versions changed.
#
#   python/tests/run.sh [PYTEST ARGUMENTS]
set -eu

here=$(cd "$(dirname "$0")" && pwd)
target="${CARGO_TARGET_DIR:-$here/../../target}"
venv="$target/python-middleware"

if ! cmp -s "$here/requirements.txt" "$venv/requirements.txt"; then
    echo "python: installing FastAPI, uvicorn, gunicorn and pytest into $venv"
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/requirements.txt"
fi
# The package as pip installs it, and nothing else of this folder.
rm -rf "$target/python-package"
mkdir -p "$target/python-package"
cp -r "$here/../pyproject.toml" "$here/../README.md" "$here/../src" "$target/python-package/"
"$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --force-reinstall "$target/python-package"
cd "$here"
PYTHONDONTWRITEBYTECODE=1 exec "$venv/bin/python" -m pytest --rootdir "$here/.." "$@"
