#!/usr/bin/env bash
# Everything that must hold before a change is done, the same here and in CI: form, lints, documentation, all tests, and
# without arguments also the portal's pages in a browser (tests/portal) and the fuzzer (tests/fuzz), for a short while.
# How long each stage took is said at the end.
#
#   tests/run.sh [ARGUMENTS FOR cargo test]
#
# As root it installs what the stories with real servers need (tests/real), Dovecot 2.4 in a folder of its own included
# (tests/dovecot-2.4.sh), while the compiler works. Without root, or without Dovecot 2.4, those stories are skipped, and it
# says so, as it does without a browser; with CI in the environment that is an error.
set -euo pipefail

project=$(cd "$(dirname "$0")/.." && pwd)
cd "$project"
. examples/lib.sh

# The stories wait for servers far more than they compute; most other tests do neither for long.
REAL_AT_ONCE=$(($(nproc) * 3))
AT_ONCE=$(($(nproc) * 2))
# Those that are about many clients in little time want the machine for themselves.
LOUD="under_load not_one_login_succeeds_after_revoke"

times=
skipped=

# stage NAME COMMAND...
stage() {
    local name=$1 began=$SECONDS took
    shift
    printf '\n== %s\n' "$name"
    "$@"
    took=$((SECONDS - began))
    times+=$(printf '%3d:%02d  %s' $((took / 60)) $((took % 60)) "$name")$'\n'
}

run() { stage "$*" run_cargo "$@"; }

# What comes from elsewhere: in the background, because it waits for the network. Each file in $came says what is missing.
prepare() {
    # shellcheck disable=SC2086
    (need_packages $MAIL_PACKAGES $TEST_PACKAGES) || { echo "The packages for tests could not be installed." >"$came/packages"; }
    tests/crowdsec.sh || echo "CrowdSec could not be brought here." >"$came/crowdsec"
    tests/browser.sh || echo "The browser could not be brought here." >"$came/browser"
    tests/dovecot-2.4.sh || echo "Dovecot 2.4 could not be brought here." >"$came/dovecot"
}

arrive() {
    local file
    wait "$preparing"
    cat "$came/log"
    for file in packages crowdsec browser dovecot; do
        [ -e "$came/$file" ] || continue
        [ -z "${CI:-}" ] || die "$(cat "$came/$file") It is required here."
        skip "What needs it is SKIPPED: $(cat "$came/$file") See above."
    done
}

skip() {
    skipped+="$1"$'\n'
    printf '\n%s\n' "$1"
}

came=$(mktemp -d)
# An installation that was begun is not cut off.
trap 'wait; rm -rf "$came"' EXIT
if [ "$(id -u)" = 0 ]; then
    # shellcheck disable=SC2086
    need_packages $BUILD_PACKAGES
    prepare >"$came/log" 2>&1 &
    preparing=$!
fi
# Nobody compiles twice in CI's folder.
[ -z "${CI:-}" ] || export CARGO_INCREMENTAL=0

run fmt --check
run fmt --check --manifest-path tests/fuzz/Cargo.toml
run clippy --all-targets -- -D warnings
# Built last, but a change of a public type is told here.
if command -v "${CXX:-c++}" >/dev/null; then
    run clippy --manifest-path tests/fuzz/Cargo.toml --target-dir "${CARGO_TARGET_DIR:-target}" -- -D warnings
fi
RUSTDOCFLAGS="-D warnings" run doc --no-deps
run test --no-run
if [ "$(id -u)" = 0 ]; then stage "what comes from elsewhere" arrive; fi

if [ $# -gt 0 ]; then
    stage "test $*" run_cargo_here test "$@"
else
    RUST_TEST_THREADS=$AT_ONCE stage "test --lib --test it" run_cargo_here test --lib --test it
    stage "test --doc" run_cargo_here test --doc
    # shellcheck disable=SC2086
    RUST_TEST_THREADS=$REAL_AT_ONCE stage "test --test real" run_cargo_here test --test real -- $(printf -- '--skip %s ' $LOUD)
    # shellcheck disable=SC2086
    stage "test --test real, what is loud" run_cargo_here test --test real -- $LOUD
    if tests/browser.sh --look; then
        stage "pages in a browser" tests/portal/look.sh
    else
        [ -z "${CI:-}" ] || die "A browser is required here."
        skip "The portal's pages were not looked at, SKIPPED: see above."
    fi
    if command -v "${CXX:-c++}" >/dev/null || [ -n "${CI:-}" ]; then
        stage fuzz tests/fuzz/run.sh
    else
        skip "The fuzzer was SKIPPED: it needs a C++ compiler (g++)."
    fi
fi
printf '\nHow long it took, in minutes:\n%s%3d:%02d  in all\n' "$times" $((SECONDS / 60)) $((SECONDS % 60))
printf '\nAll is well.\n%s' "$skipped"
