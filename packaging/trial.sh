#!/usr/bin/env bash
# Tries packages on a copy of this machine that vanishes afterwards: install, run, upgrade, remove, and what is left.
#
#   packaging/trial.sh [--tools DIR] [deb|rpm|PACKAGE.deb|PACKAGE.rpm]...
#
# As root; both kinds, the newest in target/packages, if nothing is named. The copy is an overlay over / in namespaces of
# its own: nothing of this machine is changed, and no service of it is touched. There is no systemd in it: the daemon is
# started by hand, as the unit's user. It needs the users of Dovecot and Postfix, perl and systemd's tools; for an .rpm also
# rpm, and cargo-generate-rpm for a newer one to upgrade to. On a distribution that is not made of RPMs, rpm keeps its list
# in the copy and does not ask for what the package requires.
set -euo pipefail

say() { printf '  ok  %s\n' "$1"; }
die() {
    printf 'trial.sh: %s\n' "$1" >&2
    exit 1
}

# ---- inside the copy -----------------------------------------------------------------------------------------------
settings=/etc/sidegate/sidegate.toml
newer='# A newer version says this.'

# must SAYING COMMAND...
must() {
    local saying=$1
    shift
    "$@" >/tmp/said 2>&1 || die "$saying: $(cat /tmp/said)"
}

start_daemon() {
    # What systemd does at start, or at boot.
    must "no folders" systemd-tmpfiles --create sidegate.conf sidegate-dovecot.conf sidegate-postfix.conf
    setpriv --reuid=sidegate --regid=sidegate --init-groups sidegated 2>/tmp/log &
    daemon=$!
    for _ in $(seq 600); do
        if sidegate status >/dev/null 2>&1; then return; fi
        kill -0 "$daemon" 2>/dev/null || die "the daemon ended: $(cat /tmp/log)"
        sleep 0.1
    done
    die "the daemon does not answer: $(cat /tmp/log)"
}

stop_daemon() {
    kill "$daemon"
    wait "$daemon" || die "the daemon did not end in order: $(cat /tmp/log)"
}

# login PASSWORD: as Postfix does it, as its user, at the socket that the configuration of the package has for it.
login() {
    # shellcheck disable=SC2016
    setpriv --reuid=postfix --regid=postfix --init-groups perl -MIO::Socket::UNIX -MMIME::Base64 -e '
        alarm 60;
        my $socket = IO::Socket::UNIX->new(Peer => "/var/spool/postfix/sidegate/auth") or die "no socket: $!\n";
        $socket->autoflush(1);
        print $socket "VERSION\t1\t2\nCPID\t$$\nAUTH\t1\tPLAIN\tservice=smtp\trip=192.0.2.7\tresp="
            . encode_base64("\0ann\@example.org\0$ARGV[0]", "") . "\n";
        while (<$socket>) {
            if (/^OK\t1\t/) { exit 0 }
            if (/^FAIL\t1/) { print; exit 1 }
        }
        die "no answer\n"' "$1"
}

try_daemon() {
    must "the configuration has mistakes" sidegate config check
    start_daemon
    must "no account can be added" sidegate account add ann@example.org
    secret=$(sidegate password new ann@example.org --name Phone)
    must "the new password is not good" login "$secret"
    if login 'AAAA-wrong-wrong' >/dev/null 2>&1; then die "any password is good"; fi
    say "runs as its user with the configuration it brings; an account and a client password work, a wrong one does not"
}

# What a package may have left, but for what the package manager and the user database say of it.
leftovers() {
    find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /tmp \) -prune \
        -o -name '*sidegate*' -cnewer /tmp/begun -print -prune 2>/dev/null |
        grep -v '^/var/lib/dpkg/\|^/var/cache/\|^/var/log/' | sort || true
}

same() { [ "$(sha256sum <"$settings")" = "$edited" ] || die "$1"; }

# What both kinds must have brought.
brought() {
    local page file
    getent passwd sidegate >/dev/null || die "there is no user sidegate"
    for group in dovecot dovenull postfix; do
        id -nG sidegate | grep -qw "$group" || die "sidegate is not in the group $group"
    done
    say "installed as it was packed, with its user in the groups of Dovecot and Postfix"
    for page in sidegate.8 sidegate-password-new.8 sidegated.8 sidegate.toml.5; do
        man -w "${page##*.}" "${page%.*}" >/dev/null || die "no page $page"
    done
    for file in sidegate sidegated; do bash -n "/usr/share/bash-completion/completions/$file"; done
    say "manual pages and completions are there"
    if systemctl is-enabled sidegate.service sidegate-control.socket sidegate-dovecot-client.socket \
        2>/dev/null | grep -qx enabled; then die "a unit is enabled"; fi
    must "a unit is wrong" systemd-analyze verify /usr/lib/systemd/system/sidegate.service
    must "cannot be enabled" systemctl enable sidegate.service sidegate-control.socket sidegate-postfix-auth.socket
    say "nothing was enabled; units can be"
}

edit() {
    printf '\n[lockout]\nfailures = 7\n' >>"$settings"
    edited=$(sha256sum <"$settings")
}

# As it is after an upgrade: the running daemon goes on; then it is restarted, as a service manager does.
try_upgraded() {
    same "the upgrade changed the site's configuration"
    sidegate status >/dev/null || die "the upgrade stopped a running daemon that it does not start again"
    must "a password was lost while the daemon ran on" login "$secret"
    stop_daemon
    start_daemon
    must "a password was lost at the upgrade" login "$secret"
    [ "$(systemctl is-enabled sidegate-control.socket 2>/dev/null)" = enabled ] || die "the upgrade disabled a unit"
}

removed() {
    if command -v sidegated >/dev/null; then die "sidegated is still there"; fi
    [ -s /var/lib/sidegate/sidegate.db ] || die "remove took the store"
}

trial_deb() {
    export DEBIAN_FRONTEND=noninteractive
    must "cannot be installed" dpkg -i "$1"
    [ -z "$(dpkg -V sidegate)" ] || die "dpkg -V: $(dpkg -V sidegate)"
    brought
    try_daemon

    edit
    dpkg-deb -R "$1" /tmp/newer
    sed -i 's/^Version: .*/&+newer/' /tmp/newer/DEBIAN/control
    echo "$newer" >>"/tmp/newer$settings"
    (cd /tmp/newer && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | xargs -0 md5sum >DEBIAN/md5sums)
    dpkg-deb --build -Znone /tmp/newer /tmp/newer.deb >/dev/null
    must "cannot be upgraded" dpkg --force-confold -i /tmp/newer.deb
    try_upgraded
    grep -qF "$newer" "$settings.dpkg-dist" || die "the new configuration is nowhere to be seen"
    say "upgraded over a live store: own configuration kept, the new one beside it, nothing lost"

    stop_daemon
    must "cannot be removed" dpkg --remove sidegate
    removed
    same "remove took the configuration"
    say "removed: programs gone, configuration and store kept"
    must "cannot be installed again" dpkg --force-confold -i "$1"
    start_daemon
    must "a password was lost by remove" login "$secret"
    stop_daemon
    say "installed again: everything is as it was"

    must "cannot be purged" dpkg --purge sidegate
    if getent passwd sidegate >/dev/null; then die "the user is still there"; fi
    [ -z "$(leftovers)" ] || die "purge left: $(leftovers)"
    say "purged: nothing is left"
}

trial_rpm() {
    local rpm=(rpm) install=() kept
    if ! rpm -q systemd >/dev/null 2>&1; then
        rpm+=(--dbpath /tmp/rpm)
        install=(--nodeps)
    fi
    must "cannot be installed" "${rpm[@]}" "${install[@]}" -i "$1"
    must "rpm -V" "${rpm[@]}" -V "${install[@]}" sidegate
    brought
    try_daemon

    edit
    must "cannot be upgraded" "${rpm[@]}" "${install[@]}" -U "$2"
    try_upgraded
    [ "$("${rpm[@]}" -q sidegate | wc -l)" = 1 ] || die "the older version is still there"
    grep -qF "$newer" "$settings.rpmnew" || die "the new configuration is nowhere to be seen"
    say "upgraded over a live store: own configuration kept, the new one beside it, nothing lost"

    stop_daemon
    must "cannot be erased" "${rpm[@]}" -e sidegate
    removed
    mv "$settings.rpmsave" "$settings"
    same "erase took the configuration"
    kept=$(leftovers && ls /etc/sidegate)
    [ "$(echo "$kept" | xargs)" = '/etc/sidegate /var/lib/sidegate /var/lib/sidegate-sharing sidegate.toml sidegate.toml.rpmnew' ] ||
        die "erase left: $kept"
    getent passwd sidegate >/dev/null || die "erase took the user that the store belongs to"
    say "erased: only the edited configuration, the store and the user are left"
    must "cannot be installed again" "${rpm[@]}" "${install[@]}" -i "$1"
    start_daemon
    must "a password was lost by erase" login "$secret"
    stop_daemon
    say "installed again: everything is as it was"
}

if [ "${1:-}" = --inside ]; then
    export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    for user in dovecot dovenull postfix; do
        getent passwd $user >/dev/null || die "there is no user $user: install Dovecot and Postfix"
    done
    touch /tmp/begun
    sleep 1
    "trial_$2" "/tmp/first.$2" "/tmp/second.$2"
    exit
fi

# ---- outside -------------------------------------------------------------------------------------------------------
project=$(cd "$(dirname "$0")/.." && pwd)
tools=$project/target/packages/tools
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# An .rpm can only be made anew: a later release of the same, but for a line in its settings.
newer_rpm() {
    local copy=$folder/newer
    mkdir -p "$copy/target/packages"
    cp -a "$project/Cargo.toml" "$project"/LICENSE-* "$project/README.md" "$project/src" "$project/packaging" "$copy/"
    cp -a "$project/target/packages/stage" "$copy/target/packages/"
    echo "$newer" >>"$copy/target/packages/stage$settings"
    (cd "$copy" && env -u CARGO_TARGET_DIR "$tools/bin/cargo-generate-rpm" --set-metadata 'release = "2"' \
        --auto-req builtin --output "$folder/second.rpm")
    rm -rf "$copy"
}

# try KIND PACKAGE
try() {
    [ -f "$2" ] || die "there is no .$1; packaging/build.sh makes it"
    echo "${2##*/}:"
    cp "$2" "$folder/first.$1"
    if [ "$1" = rpm ]; then newer_rpm; else : >"$folder/second.$1"; fi
    # shellcheck disable=SC2016
    unshare --mount --pid --fork --kill-child bash -ec '
        mkdir "$1/copy"
        mount -t tmpfs -o size=1g tmpfs "$1/copy"
        cd "$1/copy"
        mkdir upper work root
        mount -t overlay overlay -o "lowerdir=/,upperdir=$PWD/upper,workdir=$PWD/work" root
        mount -t proc proc root/proc
        mount --rbind /dev root/dev
        mount -t tmpfs tmpfs root/run
        mount -t tmpfs tmpfs root/tmp
        cp "$1/first.$2" "$1/second.$2" root/tmp/
        cp "$3" root/tmp/trial.sh
        exec chroot root bash /tmp/trial.sh --inside "$2"
    ' inside "$folder" "$1" "$project/packaging/trial.sh"
    rm -rf "${folder:?}"/*
}

# newest KIND
newest() {
    find "$project/target/packages" -maxdepth 1 -name "*.$1" -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d' ' -f2-
}

[ "$(id -u)" = 0 ] || die "needs root, for an overlay over /"
if [ "${1:-}" = --tools ]; then
    tools=$(realpath "${2:?--tools needs a folder}")
    shift 2
fi
[ $# -gt 0 ] || set -- deb rpm
for what; do
    case $what in
        deb | rpm) try "$what" "$(newest "$what")" ;;
        *.deb | *.rpm) try "${what##*.}" "$what" ;;
        *) die "unknown: $what" ;;
    esac
done
