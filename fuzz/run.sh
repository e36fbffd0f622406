#!/bin/sh
# fuzz/run.sh SECONDS [TARGET…]: builds the fuzz targets once and runs each (or those named) for SECONDS. Prints one
# line per target and fails if one crashed. Seeds in fuzz/seeds/TARGET are copied into the corpus first; the corpus
# and crashes (fuzz/corpus, fuzz/artifacts) stay on this machine. FUZZ_JOBS targets run at a time.
set -eu

cd "$(dirname "$0")"
triple=$(rustc -vV | sed -n 's/^host: //p')
binaries=${CARGO_TARGET_DIR:-$PWD/target}/$triple/release

one() {
    target=$1 seconds=$2
    mkdir -p "corpus/$target" "artifacts/$target"
    if [ -d "seeds/$target" ]; then
        cp "seeds/$target"/* "corpus/$target/"
    fi
    log=artifacts/$target.log
    status=0
    "$binaries/$target" "corpus/$target" -max_total_time="$seconds" -max_len=8192 -timeout=10 -rss_limit_mb=1024 \
        -print_final_stats=1 -artifact_prefix="artifacts/$target/" >"$log" 2>&1 || status=$?
    if [ "$status" -ne 0 ]; then
        tail -n 40 "$log"
        printf '%-24s CRASHED (exit %s); input in fuzz/artifacts/%s/\n' "$target" "$status" "$target"
        return 1
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    speed=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")
    printf '%-24s %10s runs %8s exec/s  ok\n' "$target" "$runs" "$speed"
}

if [ "${1:-}" = --one ]; then
    one "$2" "$3"
    exit
fi

case ${1:-} in
'' | *[!0-9]*)
    echo "usage: fuzz/run.sh SECONDS [TARGET…]" >&2
    exit 2
    ;;
esac
seconds=$1
shift
# What `cargo fuzz build --sanitizer=none` passes; no sanitizer, since our crates have no unsafe code.
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
for part in inline-8bit-counters pc-table trace-compares; do
    coverage="$coverage -Cllvm-args=-sanitizer-coverage-$part"
done
RUSTFLAGS="$coverage --cfg fuzzing -Cdebug-assertions" cargo build --release --bins --target "$triple"
if [ $# -eq 0 ]; then
    # shellcheck disable=SC2046 # target names have no spaces
    set -- $(sed -n 's/^name = "\(.*_.*\)"$/\1/p' Cargo.toml)
fi
printf '%s\n' "$@" | xargs -P "${FUZZ_JOBS:-$(nproc)}" -I '{}' sh ./run.sh --one '{}' "$seconds"
