#!/usr/bin/env bash
# Everything that must hold before a change is done, the same here and in CI: form, lints, documentation, all tests, and
# without arguments also the fuzzer (tests/fuzz), for a short while.
#
#   tests/run.sh [ARGUMENTS FOR cargo test]
#
# As root it installs what the stories with real servers need (tests/real), Dovecot 2.4 in a folder of its own included
# (tests/dovecot-2.4.sh). Without root, or without Dovecot 2.4, those stories are skipped, and it says so; with CI in the
# environment that is an error.
set -euo pipefail

project=$(cd "$(dirname "$0")/.." && pwd)
cd "$project"
. examples/lib.sh

if [ "$(id -u)" = 0 ]; then
    # shellcheck disable=SC2086
    need_packages $MAIL_PACKAGES $TEST_PACKAGES $BUILD_PACKAGES
fi
if [ "$(id -u)" = 0 ] && ! tests/crowdsec.sh; then
    [ -z "${CI:-}" ] || die "CrowdSec is required here."
fi
skipped=
if [ "$(id -u)" = 0 ] && ! tests/dovecot-2.4.sh; then
    [ -z "${CI:-}" ] || die "Dovecot 2.4 is required here."
    skipped="The stories with Dovecot 2.4 were SKIPPED: it could not be brought here, see above."
    printf '\n%s\n' "$skipped"
fi

run() {
    printf '\n== %s\n' "$*"
    run_cargo "$@"
}

run fmt --check
run fmt --check --manifest-path tests/fuzz/Cargo.toml
run clippy --all-targets -- -D warnings
RUSTDOCFLAGS="-D warnings" run doc --no-deps
run test --no-run
printf '\n== test %s\n' "$*"
run_cargo_here test "$@"
if [ $# = 0 ]; then
    printf '\n== fuzz\n'
    if command -v "${CXX:-c++}" >/dev/null || [ -n "${CI:-}" ]; then
        tests/fuzz/run.sh
    else
        skipped+=${skipped:+$'\n'}"The fuzzer was SKIPPED: it needs a C++ compiler (g++)."
    fi
fi
printf '\nAll is well.\n%s' "${skipped:+$skipped
}"
