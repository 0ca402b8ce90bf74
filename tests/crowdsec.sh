#!/usr/bin/env bash
# Brings CrowdSec to a folder of its own, unpacked and not installed: its package would make the machine known to
# CrowdSec's servers. The story of tests/real that reads the log with it runs it from there.
#
#   tests/crowdsec.sh          fetches Debian's package unless it is there; 32 MB
#
# The folder is /var/cache/sidegate-tests/crowdsec, or "crowdsec" in $SIDEGATE_TEST_CACHE.
set -euo pipefail

project=$(cd "$(dirname "$0")/.." && pwd)
. "$project/examples/lib.sh"

cache=${SIDEGATE_TEST_CACHE:-/var/cache/sidegate-tests}
[ ! -x "$cache/crowdsec/usr/bin/crowdsec" ] || exit 0
mkdir -p "$cache"
# Of two that come at once one fetches and one waits.
exec 9>"$cache/crowdsec.lock"
flock 9
[ ! -x "$cache/crowdsec/usr/bin/crowdsec" ] || exit 0
echo "CrowdSec, from Debian, into $cache/crowdsec"
need_packages libsqlite3-0
rm -rf "$cache/crowdsec.new"
mkdir "$cache/crowdsec.new"
(
    cd "$cache/crowdsec.new"
    apt-get -q download crowdsec || { apt-get -q update && apt-get -q download crowdsec; }
    dpkg-deb --extract crowdsec_*.deb .
    rm crowdsec_*.deb
) >"$cache/crowdsec.log" 2>&1 || {
    tail -n 20 "$cache/crowdsec.log" >&2
    die "CrowdSec could not be fetched."
}
mv "$cache/crowdsec.new" "$cache/crowdsec"
