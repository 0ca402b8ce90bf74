#!/bin/sh
# The compiler, as cargo calls it (RUSTC_WRAPPER): coverage as libFuzzer wants it, for our own code. What others wrote is
# built as it is everywhere else, most of it not once more.
pass=-Cllvm-args=-sanitizer-coverage
case ${CARGO_PKG_NAME:-} in
    sidegate | sidegate-fuzz)
        exec "$@" -Cpasses=sancov-module $pass-level=4 $pass-inline-8bit-counters $pass-pc-table $pass-trace-compares
        ;;
esac
exec "$@"
