#!/usr/bin/env bash
# Brings Dovecot 2.4 to a machine whose own Dovecot is 2.3: Debian 13's packages, installed by debootstrap into a folder
# of their own, outside the checkout and beside everything the machine has. The stories of tests/real run it from there,
# and have Postfix 3.10 and nginx 1.26, which are there too, look at what we ship.
#
#   tests/dovecot-2.4.sh       builds the folder unless it is there; needs root, some minutes and 300 MB
#
# The folder is /var/cache/sidegate-tests/trixie, or "trixie" in $SIDEGATE_TEST_CACHE. Remove it, and the next call
# builds it anew. Packages come from the Debian mirror that apt uses here, through apt's proxy, or from
# $SIDEGATE_TEST_MIRROR.
set -euo pipefail

project=$(cd "$(dirname "$0")/.." && pwd)
. "$project/examples/lib.sh"

cache=${SIDEGATE_TEST_CACHE:-/var/cache/sidegate-tests}
packages=dovecot-core,dovecot-imapd,dovecot-pop3d,dovecot-lmtpd,dovecot-managesieved,dovecot-submissiond
packages+=,dovecot-sieve,dovecot-auth-lua,lua-socket
# Their newer versions look at our files too.
packages+=,postfix,nginx

# Written last, so that only a whole folder has it; another list of packages asks for another folder.
whole() {
    [ "$(cat "$cache/trixie/.sidegate-packages" 2>/dev/null)" = "$packages" ]
}

mirror() {
    apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' |
        awk '/^(https?|file):/ && !found++'
}

# One dot for each package, a line for each stage.
show_stages() {
    local info stage last=
    while read -r info stage _; do
        case $info-$stage in
            I:-Retrieving | I:-Extracting | I:-Unpacking | I:-Configuring) ;;
            *) continue ;;
        esac
        [ "$stage" = "$last" ] || printf '\n    %s ' "$stage"
        last=$stage
        printf .
    done
    printf '\n'
}

build() {
    local from log=$cache/log proxy=
    need_packages debootstrap debian-archive-keyring
    from=${SIDEGATE_TEST_MIRROR:-$(mirror)}
    if [ -z "$from" ]; then
        apt-get update >/dev/null
        from=$(mirror)
    fi
    [ -n "$from" ] || die "apt uses no Debian mirror here; name one in SIDEGATE_TEST_MIRROR."
    proxy=$(apt-config dump --format '%v' Acquire::http::Proxy)
    [ -z "$proxy" ] || export http_proxy="$proxy"
    proxy=$(apt-config dump --format '%v' Acquire::https::Proxy)
    [ -z "$proxy" ] || export https_proxy="$proxy"

    rm -rf --one-file-system "$cache/new" "$cache/old"
    # What it mounts ends with it, however it ends.
    unshare --mount debootstrap --variant=minbase --include=$packages \
        --keyring=/usr/share/keyrings/debian-archive-keyring.gpg trixie "$cache/new" "$from" 2>&1 |
        tee "$log" | show_stages || {
        tail -n 20 "$log" >&2
        die "Dovecot 2.4 could not be installed; all that debootstrap said is in $log"
    }
    rm -rf "$cache/new"/var/cache/apt/archives/*.deb "$cache/new"/var/lib/apt/lists/*
    printf '%s\n' "$packages" >"$cache/new/.sidegate-packages"
    [ ! -e "$cache/trixie" ] || mv "$cache/trixie" "$cache/old"
    mv "$cache/new" "$cache/trixie"
    rm -rf --one-file-system "$cache/old"
}

case $(dovecot --version 2>/dev/null) in 2.4.*) exit 0 ;; esac
! whole || exit 0
[ "$(id -u)" = 0 ] || die "Dovecot 2.4 is not in $cache/trixie, and only root can bring it there."
mkdir -p "$cache"
# Of two that come at once one builds and one waits.
exec 9>"$cache/lock"
flock 9
whole || {
    printf 'Dovecot 2.4, from Debian 13, into %s:' "$cache/trixie"
    build
}
