#!/usr/bin/env bash
# What is looked at beside the tests, now and then and before a release; each takes some minutes and builds beside the
# usual builds.
#
#   tests/assurance.sh deny        licences, sources and twins of what Cargo.lock names; advisories where the network lets
#   tests/assurance.sh minimal     does it build with the oldest direct dependencies that Cargo.toml allows?
#   tests/assurance.sh coverage    how many lines of the pure core the tests reach, file by file; at least 95 of 100
#   tests/assurance.sh miri        the pure core's tests, interpreted: nothing in them may be undefined
#
# Programs that nobody else needs come into /var/cache/sidegate-tests, or into $SIDEGATE_TEST_CACHE.
set -euo pipefail

project=$(cd "$(dirname "$0")/.." && pwd)
cd "$project"
. examples/lib.sh

cache=${SIDEGATE_TEST_CACHE:-/var/cache/sidegate-tests}
target=${CARGO_TARGET_DIR:-$project/target}
# What decides and what knows bytes (src/lib.rs): no socket, no clock, no file.
PURE="src/gate src/proto src/doctor"
LINES_MIN=95

# From crates.io, compiled once: some minutes.
deny() {
    local program
    program=$(command -v cargo-deny || true)
    if [ -z "$program" ]; then
        program=$cache/cargo-deny/bin/cargo-deny
        if [ ! -x "$program" ]; then
            echo "cargo-deny, from crates.io, into $cache/cargo-deny"
            mkdir -p "$cache"
            run_cargo_here install --quiet --locked --no-track --root "$cache/cargo-deny" \
                --target-dir "$cache/cargo-deny/build" cargo-deny
            rm -rf "$cache/cargo-deny/build"
        fi
    fi
    find_cargo
    PATH="$(dirname "$cargo"):$PATH" "$program" check bans licenses sources
    # The list of advisories is a git repository of GitHub's.
    if ! PATH="$(dirname "$cargo"):$PATH" "$program" fetch db; then
        echo "Advisories were SKIPPED: their list cannot be had from here."
        return
    fi
    PATH="$(dirname "$cargo"):$PATH" "$program" check --disable-fetch advisories
}

# The choice of the oldest versions is unstable in cargo; what is compiled is not. Cargo.lock stays as it is: this is done
# in a copy.
minimal() {
    # Not local: it is removed when the script ends.
    copy=$(mktemp -d)
    trap 'rm -rf "$copy"' EXIT
    git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents --target-directory "$copy"
    cd "$copy"
    RUSTC_BOOTSTRAP=1 run_cargo_here -Z direct-minimal-versions update
    CARGO_TARGET_DIR=$target/minimal run_cargo_here check --all-targets --locked
    echo "It builds with the oldest direct dependencies."
}

# llvm-cov and llvm-profdata that can read what rustc writes: those of the toolchain (rustup component add llvm-tools), or
# Debian's, unpacked and not installed.
find_llvm() {
    local library
    llvm=$(rustc --print target-libdir)/../bin
    [ ! -x "$llvm/llvm-cov" ] || return 0
    llvm=$cache/llvm-19/usr/lib/llvm-19/bin
    if [ ! -x "$llvm/llvm-cov" ]; then
        echo "LLVM 19, from Debian, into $cache/llvm-19"
        rm -rf "$cache/llvm-19.new"
        mkdir -p "$cache/llvm-19.new"
        (
            cd "$cache/llvm-19.new"
            set -- llvm-19 libllvm19 libz3-4
            apt-get -q download "$@" || { apt-get -q update && apt-get -q download "$@"; }
            for package in ./*.deb; do
                dpkg-deb --extract "$package" .
            done
            rm ./*.deb
        ) >"$cache/llvm-19.log" 2>&1 || {
            tail -n 20 "$cache/llvm-19.log" >&2
            die "LLVM 19 could not be fetched. Elsewhere: rustup component add llvm-tools"
        }
        mv "$cache/llvm-19.new" "$cache/llvm-19"
    fi
    library=$(dirname "$(find "$cache/llvm-19" -name 'libLLVM.so.*' -print -quit)")
    export LD_LIBRARY_PATH=$library
}

# Only our own code counts its lines: libraries are compiled as always.
coverage() {
    local out=$target/coverage programs program objects=()
    find_cargo
    find_llvm
    rm -rf "$out"
    mkdir -p "$out"
    printf '#!/bin/sh\nexec "$@" -C instrument-coverage\n' >"$out/rustc"
    chmod 0755 "$out/rustc"
    # Processes that end write their counts into one of four files; those that are killed write none.
    export RUSTC_WORKSPACE_WRAPPER=$out/rustc LLVM_PROFILE_FILE=$out/%4m.profraw
    run_cargo_here test --lib --test it || die "Tests failed: what they reach says nothing."
    programs=$(run_cargo_here test --lib --test it --no-run --message-format json 2>/dev/null |
        sed -n 's/.*"executable":"\([^"]*\)".*"fresh".*/\1/p')
    for program in $programs; do
        objects+=(${objects[0]+--object} "$program")
    done
    "$llvm/llvm-profdata" merge --sparse "$out"/*.profraw -o "$out/all.profdata"
    # shellcheck disable=SC2046,SC2086
    "$llvm/llvm-cov" export --format=lcov --instr-profile "$out/all.profdata" "${objects[@]}" $(find $PURE -name '*.rs') >"$out/lcov"
    told "$out/lcov"
}

# A table of what was reached. Tests do not count: `mod tests` at the end of a file, and files of tests.
told() {
    awk -v root="$project/" -v least="$LINES_MIN" '
        function end_of_tests(path,    line, number) {
            number = 0
            while ((getline line < path) > 0) {
                number++
                if (line ~ /^#\[cfg\(test\)\]/) { close(path); return number }
            }
            close(path)
            return number + 1
        }
        /^SF:/ { path = substr($0, 4); last = end_of_tests(path); file = path; sub(root, "", file); skip = file ~ /tests\.rs$/ }
        /^DA:/ && !skip {
            split(substr($0, 4), of, ",")
            if (of[1] + 0 >= last) next
            lines[file]++
            if (of[2] == 0) { missed[file]++; which[file] = which[file] " " of[1] }
        }
        END {
            for (file in lines) {
                all += lines[file]; never += missed[file]
                printf "%6.1f %% %6d of %5d  %s%s\n", 100 - 100 * missed[file] / lines[file], lines[file] - missed[file],
                    lines[file], file, missed[file] ? ":" which[file] : "" | "sort -n"
            }
            close("sort -n")
            share = 100 - 100 * never / all
            printf "%6.1f %% %6d of %5d  lines of the pure core; at least %d %% are wanted\n", share, all - never, all, least
            exit share < least
        }' "$1"
}

# Miri is a component of the nightly toolchain: rustup +nightly component add miri rust-src
miri() {
    find_cargo
    if ! run_cargo_here +nightly miri --version >/dev/null 2>&1; then
        die "Miri is not installed here: rustup +nightly component add miri rust-src. Nothing was looked at."
    fi
    # Seeds of proptest come from the system, and its failures go to a file.
    export MIRIFLAGS="-Zmiri-disable-isolation" PROPTEST_CASES=4
    run_cargo_here +nightly miri test --lib -- gate:: proto::
}

case ${1:-} in
    deny | minimal | coverage | miri) "$1" ;;
    *) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" && exit 2 ;;
esac
