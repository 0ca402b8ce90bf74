#!/usr/bin/env bash
# Installs Sidegate from this source, below /usr/local, as the packages do it: programs, units, users, folders, settings,
# manual pages, completions. Nothing is started or enabled; README.package has the steps from there.
#
#   packaging/install.sh                builds, and installs; once more for a new version
#   packaging/install.sh --built DIR    installs what DIR/bin and DIR/manual have (target/packages, after packaging/build.sh)
#   packaging/install.sh --remove       takes all of it away again, but for settings that were changed, and the store
#
# As root, on a machine with systemd; cargo is run as the user who called sudo. What was installed is listed in
# /usr/local/lib/sidegate/installed.
set -euo pipefail
umask 022

project=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=examples/lib.sh
. "$project/examples/lib.sh"
prefix=/usr/local
list=$prefix/lib/sidegate/installed
units=$prefix/lib/systemd/system

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

packaged() {
    [ "$(dpkg-query -W -f='${db:Status-Status}' sidegate 2>/dev/null)" = installed ] || rpm -q sidegate >/dev/null 2>&1
}

# build: the programs into $work/bin, the pages into $work/manual.
build() {
    local built=${CARGO_TARGET_DIR:-$project/target}/release program
    cd "$project"
    run_cargo build --release --locked --bins --example manual || die "The build failed: the compiler's words stand above."
    mkdir "$work/bin"
    for program in sidegated sidegate sidegate-portal; do install -m 0755 -t "$work/bin" "$built/$program"; done
    "$built/examples/manual" "$work/manual"
}

# lay_out BIN MANUAL: what the packages hold, below $prefix and with the paths there.
lay_out() {
    local stage=$work/stage file
    "$project/packaging/gather.sh" "$1" "$2" "$work/gathered"
    install -D -m 0644 "$project/packaging/README.package" "$work/gathered/usr/share/doc/sidegate/README.package"
    # Nothing is enabled here by any preset.
    rm -r "$work/gathered/usr/lib/systemd/system-preset"
    gunzip -r "$work/gathered/usr/share/man"
    grep -rlIE '/usr/(s?bin|libexec|share/doc)/sidegate' "$work/gathered" | while IFS= read -r file; do
        sed -i -E "s#/usr/(s?bin|libexec|share/doc)/sidegate#$prefix/\\1/sidegate#g" "$file"
    done
    gzip -9nr "$work/gathered/usr/share/man"
    mkdir -p "$stage$prefix"
    mv "$work/gathered/etc" "$stage/etc"
    mv "$work/gathered/usr"/* "$stage$prefix/"
    mv "$stage$prefix/share/zsh/vendor-completions" "$stage$prefix/share/zsh/site-functions"
}

# was FILE: its sum when it was installed.
was() {
    [ ! -e "$list" ] || awk -v file="$1" '{ sum = $1; sub(/^[^ ]+ +/, ""); if ($0 == file) print sum }' "$list"
}

is() { sha256sum <"$1" | cut -d' ' -f1; }

# put_settings FILE MODE: what somebody changed stays, and the new one lies beside it.
put_settings() {
    if [ -e "$1" ] && [ "$(is "$1")" != "$(is "$work/stage$1")" ] && [ "$(is "$1")" != "$(was "$1")" ]; then
        install -m "$2" "$work/stage$1" "$1.new"
        echo "  $1 was changed and stays; the new one is $1.new"
    elif [ ! -e "$1" ] || [ "$(is "$1")" != "$(is "$work/stage$1")" ]; then
        install -D -m "$2" "$work/stage$1" "$1"
    fi
}

put() {
    local file mode
    (cd "$work/stage" && find . -type f -printf '/%P\n' | sort) >"$work/files"
    rm -f "$work/installed"
    while IFS= read -r file; do
        mode=$(stat -c %a "$work/stage$file")
        case $file in
            /etc/*) put_settings "$file" "$mode" ;;
            *) install -D -m "$mode" "$work/stage$file" "$file" ;;
        esac
        printf '%s  %s\n' "$(is "$work/stage$file")" "$file" >>"$work/installed"
    done <"$work/files"
    # What an earlier version had and this one has not.
    [ ! -e "$list" ] || sed 's/^[^ ]* *//' "$list" | grep '^/usr/' | grep -vxFf "$work/files" | while IFS= read -r file; do
        rm -f "$file"
    done || true
    install -D -m 0644 "$work/installed" "$list"
}

# Users, groups and folders; what a running Sidegate needs of a new version.
settle() {
    local group
    systemd-sysusers "$prefix/lib/sysusers.d/sidegate.conf"
    chgrp sidegate-portal /etc/sidegate/portal.toml
    for group in dovecot dovenull postfix; do
        if getent group "$group" >/dev/null; then
            usermod -a -G "$group" sidegate
        else
            echo "  there is no group $group yet; once there is: usermod -a -G $group sidegate"
        fi
    done
    for file in sidegate sidegate-dovecot sidegate-postfix; do
        systemd-tmpfiles --create "$prefix/lib/tmpfiles.d/$file.conf" || true
    done
    systemctl daemon-reload
    systemctl try-restart sidegate.service sidegate-portal.service
}

add() {
    if packaged; then die "The package sidegate is installed here: remove it first, or stay with it."; fi
    [ -d /run/systemd/system ] || die "This is for a machine that systemd runs."
    if [ -n "$1" ]; then cp -r "$1/bin" "$1/manual" "$work/"; else build; fi
    lay_out "$work/bin" "$work/manual"
    put
    settle
    echo "Sidegate is installed; nothing was started. The steps from here: $prefix/share/doc/sidegate/README.package"
}

# What Dovecot still includes has to be there, or it does not start.
hold_places() {
    grep -rhoE '^[[:space:]]*!include[[:space:]]+"?/etc/sidegate/[^[:space:]"*]+' /etc/dovecot 2>/dev/null |
        sed 's,^[^/]*,,' | sort -u | while read -r file; do
        [ ! -e "$file" ] || continue
        mkdir -p "${file%/*}"
        echo "# Sidegate was removed. Take the !include of this out of Dovecot's configuration, then remove this." >"$file"
        echo "sidegate: Dovecot still includes $file: it is empty now" >&2
    done
}

take_away() {
    local file sum each names=()
    [ -e "$list" ] || die "There is nothing of install.sh here: no $list."
    # Mail must not die with it.
    "$prefix/libexec/sidegate/leave.sh"
    mapfile -t names < <(cd "$units" && ls -d sidegate*.socket sidegate*.service)
    # The sockets first: they would start the daemon again.
    systemctl disable --quiet --now "${names[@]}"
    while read -r sum file; do
        case $file in
            /etc/*)
                for each in "$file" "$file.new"; do
                    [ ! -e "$each" ] || [ "$(is "$each")" != "$sum" ] || rm -f "$each"
                done
                ;;
            *) rm -f "$file" ;;
        esac
    done <"$list"
    rm -f "$list"
    own_folders | while IFS= read -r file; do rmdir "$file" 2>/dev/null || true; done
    systemctl daemon-reload
    rm -rf /run/sidegate /run/sidegate-portal /run/dovecot/login/sidegate /var/spool/postfix/sidegate
    hold_places || true
    cat <<END
Sidegate is removed. Left are settings that were changed (/etc/sidegate), the store with all client passwords and its key
(/var/lib/sidegate), and their users. To be rid of them too:
    rm -r /etc/sidegate /var/lib/sidegate /var/lib/sidegate-sharing /var/log/sidegate
    userdel sidegate; userdel sidegate-portal
END
}

# The folders that are Sidegate's alone, the deepest first.
own_folders() {
    find /etc/sidegate $prefix/lib/sidegate $prefix/libexec/sidegate $prefix/share/doc/sidegate -depth -type d 2>/dev/null || true
}

[ "$(id -u)" = 0 ] || die "needs root: sudo $0 $*"
case ${1:-} in
    '') add '' ;;
    --built) add "$(realpath "${2:?--built needs a folder}")" ;;
    --remove) take_away ;;
    *)
        sed -n '2,/^set/p' "$0" | sed -e '/^set/d' -e 's/^# \{0,1\}//' >&2
        exit 2
        ;;
esac
