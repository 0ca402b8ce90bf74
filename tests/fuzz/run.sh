#!/usr/bin/env bash
# Fuzzes what reads other people's bytes, guided by coverage (libFuzzer; stable Rust and a C++ compiler are enough).
#
#   tests/fuzz/run.sh                     every target: its corpus, then a few seconds of anything else; CI does this
#   tests/fuzz/run.sh TARGET|all SECONDS  one target or every one, for as long as you like
#   tests/fuzz/run.sh TARGET FILE         one input again, with all that is said of it
#   tests/fuzz/run.sh merge [TARGET]      takes what was found into tests/fuzz/corpus, as little of it as possible
#
# What is found is kept in target/fuzz/corpus/TARGET, crashes in target/fuzz/crashes.
set -euo pipefail

project=$(cd "$(dirname "$0")/../.." && pwd)
cd "$project"
. examples/lib.sh

SECONDS_EACH=4
# Longer ones find rarely more, and are slow; but a request of saslauthd is as long as it may be.
BYTES_MAX=4096
SASLAUTHD_BYTES_MAX=10000

# Each keeps one processor busy.
AT_ONCE=$(nproc)

targets=$(find tests/fuzz/targets -name '*.rs' -exec basename {} .rs \; | sort)
target_dir=${CARGO_TARGET_DIR:-$project/target}
built=$target_dir/fuzz

# As the user who called sudo, as cargo does.
as_builder() {
    if [ "$(id -un)" = "$builder" ]; then "$@"; else runuser -u "$builder" -- "$@"; fi
}

# Coverage is counted in our own code (rustc.sh); no sanitizer, as all of it is safe. In the folder of all builds: much of
# what others wrote is there already.
build() {
    command -v "${CXX:-c++}" >/dev/null ||
        die "libFuzzer needs a C++ compiler to be built, and there is no ${CXX:-c++}. Install g++ (apt-get install g++)."
    find_cargo
    RUSTC_WRAPPER=$project/tests/fuzz/rustc.sh \
        run_cargo build --quiet --manifest-path tests/fuzz/Cargo.toml --target-dir "$target_dir"
    as_builder mkdir -p "$built/corpus" "$built/crashes"
}

bytes_max() {
    case $1 in
        saslauthd) echo $SASLAUTHD_BYTES_MAX ;;
        *) echo $BYTES_MAX ;;
    esac
}

# fuzzer TARGET ARGUMENTS FOR libFuzzer
fuzzer() {
    local target=$1
    shift
    as_builder env RUST_BACKTRACE=0 "$target_dir/debug/$target" "$@"
}

# The corpora of a target: what was found here before, what is committed, and galleries that are seeds as they are.
corpora() {
    as_builder mkdir -p "$built/corpus/$1"
    echo "$built/corpus/$1"
    [ ! -d "tests/fuzz/corpus/$1" ] || echo "tests/fuzz/corpus/$1"
    galleries "$1"
}

galleries() {
    case $1 in
        config) echo tests/bad-config conf/sidegate ;;
        doctor) echo tests/doctor ;;
    esac
}

# fuzz TARGET SECONDS: one line, or the input that breaks it.
fuzz() {
    local target=$1 seconds=$2 log=$built/$1.log runs corpus crash
    # shellcheck disable=SC2046
    if fuzzer "$target" -max_total_time="$seconds" -max_len="$(bytes_max "$target")" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$built/crashes/$target-" $(corpora "$target") >"$log" 2>&1; then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        corpus=$(sed -n 's,.* corp: \([0-9]*\)/.*,\1,p' "$log" | tail -n 1)
        printf '%-12s %s runs, %s inputs: ok\n' "$target" "$runs" "$corpus"
        return
    fi
    crash=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
    printf '%-12s BROKEN\n' "$target"
    grep -A 5 -e ' panicked at ' -e '^==.*ERROR' "$log" | grep -v -e '^NOTE:' -e '^note:' | cut -c 1-400 | head -n 12
    if [ -n "$crash" ]; then
        echo "the input, in hex: $(od -An -v -tx1 "$crash" | tr -d ' \n' | cut -c 1-4000)"
        echo "again: tests/fuzz/run.sh $target $crash"
        echo "It becomes a test beside the code, and a file in tests/fuzz/corpus/$target."
    else
        echo "all of it is in $log"
    fi
    return 1
}

# An input for each way through the code, not for how often: it stays small.
merge() {
    local target=$1 merged gallery sum
    merged=$(as_builder mktemp -d "$built/merge.XXXXXX")
    # shellcheck disable=SC2046
    fuzzer "$target" -set_cover_merge=1 -use_counters=0 -max_len="$(bytes_max "$target")" "$merged" $(corpora "$target") >"$built/$target.log" 2>&1 ||
        die "$target: the merge failed; all of it is in $built/$target.log"
    # Its files are named by their SHA-1.
    for gallery in $(galleries "$target"); do
        find "$gallery" -type f -exec sha1sum {} + | while read -r sum _; do rm -f "$merged/$sum"; done
    done
    rm -rf "tests/fuzz/corpus/$target"
    mv "$merged" "tests/fuzz/corpus/$target"
    chmod 755 "tests/fuzz/corpus/$target"
    printf '%-12s %s inputs, %s\n' "$target" "$(find "tests/fuzz/corpus/$target" -type f | wc -l)" \
        "$(du -sh --apparent-size "tests/fuzz/corpus/$target" | cut -f 1)"
}

chosen() {
    [ "$1" != all ] || { echo "$targets"; return; }
    [ -f "tests/fuzz/targets/$1.rs" ] || die "There is no target $1; there are: ${targets//$'\n'/ }"
    echo "$1"
}

case ${1:-} in
    -h | --help)
        sed -n '2,/^set /{/^set /d; s/^# \{0,1\}//p}' "$0"
        exit
        ;;
    merge)
        list=$(chosen "${2:-all}")
        build
        for target in $list; do merge "$target"; done
        exit
        ;;
esac

list=$(chosen "${1:-all}")
build
if [ -f "${2:-}" ]; then
    fuzzer "$list" "$2"
    exit
fi
as_builder rm -f "$built"/*.broken
# What runs beside us does not hear of Ctrl-C by itself.
trap 'trap - INT TERM; kill 0' INT TERM
for target in $list; do
    while [ "$(jobs -pr | wc -l)" -ge "$AT_ONCE" ]; do wait -n || true; done
    # What one says is not cut by what another says.
    (said=$(fuzz "$target" "${2:-$SECONDS_EACH}") || touch "$built/$target.broken"; printf '%s\n' "$said") &
done
wait
broken=$(find "$built" -maxdepth 1 -name '*.broken' -printf ' %f')
[ -z "$broken" ] || die "Broken:${broken//.broken/}"
