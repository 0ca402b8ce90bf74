#!/usr/bin/env bash
# Tries the Debian package on a copy of this machine that vanishes afterwards: install, run, upgrade, remove, purge.
#
#   packaging/trial.sh [PACKAGE.deb]        as root; the newest in target/packages if none is given
#
# The copy is an overlay over / in a mount namespace of its own; nothing of this machine is changed, and no service of it
# is touched. There is no systemd in it: the daemon is started by hand, as the unit's user.
set -euo pipefail

say() { printf '  ok  %s\n' "$1"; }
die() {
    printf 'trial.sh: %s\n' "$1" >&2
    exit 1
}

# ---- inside: $1 is the package -------------------------------------------------------------------------------------
stop_daemon() {
    kill "$daemon"
    wait "$daemon" || die "the daemon did not end in order"
}

start_daemon() {
    install -d -o sidegate -g sidegate -m 0755 /run/sidegate
    setpriv --reuid=sidegate --regid=sidegate --init-groups sidegated 2>/tmp/log &
    daemon=$!
    for _ in $(seq 200); do
        if sidegate status >/dev/null 2>&1; then return; fi
        kill -0 "$daemon" 2>/dev/null || die "the daemon ended: $(cat /tmp/log)"
        sleep 0.1
    done
    die "the daemon does not answer: $(cat /tmp/log)"
}

# What the package may have left: no file of ours anywhere, but for what dpkg and the user database say of it.
leftovers() {
    find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /tmp \) -prune \
        -o -name '*sidegate*' -cnewer /tmp/begun -print 2>/dev/null | grep -v '^/var/lib/dpkg/\|^/var/cache/\|^/var/log/' || true
}

trial() {
    local package=$1 settings=/etc/sidegate/sidegate.toml sum secret edited
    export DEBIAN_FRONTEND=noninteractive PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    touch /tmp/begun
    sleep 1

    dpkg -i "$package" >/tmp/dpkg 2>&1 || die "cannot be installed: $(cat /tmp/dpkg)"
    [ -z "$(dpkg -V sidegate)" ] || die "dpkg -V: $(dpkg -V sidegate)"
    getent passwd sidegate >/dev/null || die "there is no user sidegate"
    say "installed as it was packed, with its user"
    for page in sidegate.7 sidegate.8 sidegated.8 sidegate.toml.5; do man -w "${page##*.}" "${page%.*}" >/dev/null || die "no page $page"; done
    bash -n /usr/share/bash-completion/completions/sidegate
    say "manual pages and completions are there"
    sidegate config check >/dev/null
    say "the configuration it brings has no mistake"

    # No Dovecot and Postfix here: where systemd-tmpfiles would make their folders, a site's own.
    systemd-tmpfiles --create sidegate.conf sidegate-dovecot.conf sidegate-postfix.conf >/dev/null 2>&1 || true
    start_daemon
    sidegate account add ann@example.org >/dev/null
    secret=$(sidegate password new ann@example.org --name Phone)
    printf '%s\n' "$secret" | sidegate check ann@example.org --protocol imap --from 192.0.2.7 >/dev/null ||
        die "the new password is not good"
    say "runs as its user with the configuration it brings; an account and a client password work"

    printf '\n[lockout]\nfailures = 7\n' >>"$settings"
    edited=$(sha256sum "$settings")
    mkdir /tmp/newer
    dpkg-deb -R "$package" /tmp/newer/root
    sed -i 's/^Version: .*/&+newer/' /tmp/newer/root/DEBIAN/control
    # As if a newer version brought a changed file: the site's own must win.
    echo '# newer' >>"/tmp/newer/root$settings"
    (cd /tmp/newer/root && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | xargs -0 md5sum >DEBIAN/md5sums)
    dpkg-deb --build -Znone /tmp/newer/root /tmp/newer.deb >/dev/null
    dpkg --force-confold -i /tmp/newer.deb >/tmp/dpkg 2>&1 || die "cannot be upgraded: $(cat /tmp/dpkg)"
    [ "$(sha256sum "$settings")" = "$edited" ] || die "the upgrade changed the site's configuration"
    sidegate status >/dev/null || die "the upgrade stopped a running daemon that it does not start again"
    stop_daemon
    start_daemon
    printf '%s\n' "$secret" | sidegate check ann@example.org --protocol imap --from 192.0.2.7 >/dev/null ||
        die "a password was lost at the upgrade"
    say "upgraded over a live store: own configuration kept, nothing lost"

    stop_daemon
    dpkg --remove sidegate >/tmp/dpkg 2>&1 || die "cannot be removed: $(cat /tmp/dpkg)"
    if command -v sidegated >/dev/null; then die "sidegated is still there"; fi
    [ "$(sha256sum "$settings")" = "$edited" ] || die "remove took the configuration"
    sum=$(find /var/lib/sidegate -type f | wc -l)
    [ "$sum" -gt 0 ] || die "remove took the store"
    say "removed: programs gone, configuration and store kept"
    dpkg --force-confold -i "$package" >/tmp/dpkg 2>&1 || die "cannot be installed again: $(cat /tmp/dpkg)"
    start_daemon
    printf '%s\n' "$secret" | sidegate check ann@example.org --protocol imap --from 192.0.2.7 >/dev/null ||
        die "a password was lost by remove"
    stop_daemon
    say "installed again: everything is as it was"

    dpkg --purge sidegate >/tmp/dpkg 2>&1 || die "cannot be purged: $(cat /tmp/dpkg)"
    if getent passwd sidegate >/dev/null; then die "the user is still there"; fi
    [ -z "$(leftovers)" ] || die "purge left: $(leftovers)"
    say "purged: nothing is left"
}

# ---- outside -------------------------------------------------------------------------------------------------------
project=$(cd "$(dirname "$0")/.." && pwd)
if [ "${1:-}" = --inside ]; then
    trial "$2"
    exit
fi
[ "$(id -u)" = 0 ] || die "needs root, for an overlay over /"
package=${1:-$(find "$project/target/packages" -maxdepth 1 -name '*.deb' -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d' ' -f2-)}
[ -f "$package" ] || die "no package; packaging/build.sh deb makes one"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp "$package" "$folder/sidegate.deb"
cp "$0" "$folder/trial.sh"
echo "$(basename "$package"):"
# shellcheck disable=SC2016
unshare --mount --pid --fork --kill-child bash -ec '
    mount -t tmpfs -o size=1g tmpfs "$1/"
    mkdir "$1/upper" "$1/work" "$1/root"
    mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
    mount -t proc proc "$1/root/proc"
    mount --rbind /dev "$1/root/dev"
    mount -t tmpfs tmpfs "$1/root/run"
    mount -t tmpfs tmpfs "$1/root/tmp"
    cat "$2" >"$1/root/tmp/sidegate.deb"
    cat "$3" >"$1/root/tmp/trial.sh"
    exec chroot "$1/root" bash /tmp/trial.sh --inside /tmp/sidegate.deb
' inside "$folder" /dev/fd/3 /dev/fd/4 3<"$folder/sidegate.deb" 4<"$folder/trial.sh"
