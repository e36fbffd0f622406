#!/bin/sh
# The trial of examples/fastapi-shop: makes a virtual environment under target/ and runs week.py. What it needs is installed by
# scripts/setup.sh week, which `make week` runs.
#
#   examples/fastapi-shop/week/run.sh BINARY [ARGUMENTS OF week.py]
set -eu

here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../../.." && pwd)
target="${CARGO_TARGET_DIR:-$repository/target}"
venv="$target/week"
binary=$1
shift

if ! cmp -s "$here/requirements.txt" "$venv/requirements.txt"; then
    echo "week: installing the shop's packages into $venv"
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/../requirements.txt" -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/requirements.txt"
fi
# A copy, because pip leaves its work in the folder of the sources.
rm -rf "$target/week-package"
mkdir -p "$target/week-package"
cp -r "$repository/python/pyproject.toml" "$repository/python/README.md" "$repository/python/src" "$target/week-package/"
"$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --force-reinstall "$target/week-package"
PYTHONDONTWRITEBYTECODE=1 exec "$venv/bin/python" "$here/week.py" --binary "$binary" "$@"
