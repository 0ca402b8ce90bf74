#!/usr/bin/env bash
# Tries packages, and packaging/install.sh, on a copy of this machine that vanishes afterwards: install, run, upgrade, remove
# while mail servers use it, and what is left.
#
#   packaging/trial.sh [--tools DIR] [deb|rpm|source|PACKAGE.deb|PACKAGE.rpm]...
#
# As root; all three, the newest in target/packages, if nothing is named: "source" installs the programs and pages that
# packaging/build.sh left there. packaging/trial-inside.sh tells what is tried.
#
# The copy is an overlay over / in namespaces and a control group of its own, with a systemd of its own, which may neither
# load modules nor set clocks nor write to /proc/sys and /sys, and no network but a loopback of its own: nothing of this
# machine is changed, and no service of it is touched. Needed are systemd 252, cgroup v2, Dovecot (2.3 is also started, in the
# copy), Postfix (its settings are also looked at) and perl; for an .rpm also rpm, and cargo-generate-rpm for a newer one to upgrade to. Where rpm has no list of this machine's packages, it keeps one in the
# copy and does not ask for what the package requires. lintian and rpmlint look at the packages first, where they are there.
set -euo pipefail

project=$(cd "$(dirname "$0")/.." && pwd)
tools=$project/target/packages/tools

die() {
    printf 'trial.sh: %s\n' "$1" >&2
    exit 1
}

# boot FOLDER: within the namespaces, with the package in FOLDER/share. Becomes the copy's systemd.
boot() {
    mount --make-rprivate /
    mkdir "$1/copy"
    mount -t tmpfs -o size=1g tmpfs "$1/copy"
    cd "$1/copy"
    mkdir upper work root
    mount -t overlay overlay -o "lowerdir=/,upperdir=$PWD/upper,workdir=$PWD/work" root
    mount -t proc proc root/proc
    mount --bind root/proc/sys root/proc/sys
    mount -o remount,bind,ro root/proc/sys
    mount -t sysfs -o ro sysfs root/sys
    mount -t cgroup2 cgroup2 root/sys/fs/cgroup
    mount -t tmpfs -o mode=0755 tmpfs root/dev
    for name in null zero full random urandom tty; do
        touch "root/dev/$name"
        mount --bind "/dev/$name" "root/dev/$name"
    done
    touch root/dev/console
    ln -s /proc/self/fd root/dev/fd
    mkdir root/dev/pts root/dev/shm
    mount -t devpts -o newinstance,ptmxmode=0666 devpts root/dev/pts
    ln -s pts/ptmx root/dev/ptmx
    mount -t tmpfs tmpfs root/dev/shm
    for name in run tmp; do mount -t tmpfs tmpfs "root/$name"; done
    mkdir root/tmp/share root/tmp/changed
    mount --bind "$1/share" root/tmp/share
    mount --bind upper root/tmp/changed
    # Only what this is about.
    rm -f root/etc/systemd/system/*.wants/* root/usr/sbin/policy-rc.d
    : >root/etc/fstab
    cat >root/etc/systemd/system/trial.service <<'UNIT'
[Unit]
SuccessAction=exit
FailureAction=exit
[Service]
Type=oneshot
ExecStart=/bin/bash /tmp/share/trial-inside.sh
StandardOutput=file:/tmp/share/said
StandardError=inherit
TimeoutStartSec=900
UNIT
    printf '[Unit]\nRequires=basic.target\nWants=trial.service\n' >root/etc/systemd/system/trial.target
    cd root
    pivot_root . mnt
    umount -l mnt
    exec env -i container=other PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        setpriv --bounding-set=-sys_time,-sys_module,-sys_rawio,-sys_boot,-syslog,-mac_admin,-mac_override \
        chroot . /lib/systemd/systemd --unit=trial.target --log-target=journal --show-status=false
}

# An .rpm can only be made anew: a later release of the same, but for a line in its settings.
newer_rpm() {
    local copy=$folder/newer
    mkdir -p "$copy/target/packages"
    cp -a "$project/Cargo.toml" "$project"/LICENSE-* "$project/README.md" "$project/src" "$project/packaging" "$copy/"
    cp -a "$project/target/packages/stage" "$copy/target/packages/"
    echo '# A newer version says this.' >>"$copy/target/packages/stage/etc/sidegate/sidegate.toml"
    (cd "$copy" && env -u CARGO_TARGET_DIR "$tools/bin/cargo-generate-rpm" --set-metadata 'release = "2"' \
        --auto-req builtin --output "$folder/share/second.rpm")
    rm -rf "$copy"
}

# look KIND PACKAGE: errors and warnings end the trial.
look() {
    case $1 in
        deb)
            command -v lintian >/dev/null || return 0
            LC_ALL=C.UTF-8 lintian --allow-root --fail-on error,warning "$2"
            echo '  ok  lintian has nothing to say'
            ;;
        rpm)
            command -v rpmlint >/dev/null || return 0
            rpmlint --strict -c "$project/packaging/rpm/rpmlint.toml" -r "$project/packaging/rpm/rpmlintrc" "$2" >"$folder/lint" ||
                die "$(cat "$folder/lint")"
            echo '  ok  rpmlint has nothing to say'
            ;;
    esac
}

# What install.sh needs of this source, and the programs.
first_source() {
    mkdir -p "$folder/share/first.source"
    cp -a "$project"/{conf,packaging,examples,README.md,CHANGELOG.md} "$folder/share/first.source/"
    mkdir "$folder/share/first.source/built"
    cp -a "$project"/target/packages/{bin,manual} "$folder/share/first.source/built/"
}

# try KIND PACKAGE
try() {
    local group result=0
    [ -e "$2" ] || die "there is no .$1; packaging/build.sh makes it"
    echo "$1: ${2##*/}"
    look "$1" "$2"
    mkdir -p "$folder/share"
    if [ "$1" = source ]; then first_source; else cp "$2" "$folder/share/first.$1"; fi
    cp "$project/packaging/trial-inside.sh" "$folder/share/"
    if [ "$1" = rpm ]; then newer_rpm; fi
    group=$(findmnt -t cgroup2 -n -o TARGET | head -n 1)
    [ -n "$group" ] || die "there is no cgroup v2"
    group=$group/sidegate-trial-$$
    mkdir "$group"
    (
        echo "$BASHPID" >"$group/cgroup.procs"
        exec unshare --mount --pid --uts --ipc --net --cgroup --fork --kill-child "$0" --boot "$folder"
    ) >"$folder/booted" 2>&1 || result=$?
    cat "$folder/share/said" || cat "$folder/booted"
    find "$group" -depth -type d -exec rmdir {} \;
    rm -rf "${folder:?}"/*
    [ $result -eq 0 ] || die "failed"
}

# newest KIND
newest() {
    find "$project/target/packages" -maxdepth 1 -name "*.$1" -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d' ' -f2-
}

if [ "${1:-}" = --boot ]; then boot "$2"; fi
[ "$(id -u)" = 0 ] || die "needs root, for an overlay over /"
for user in dovecot dovenull postfix; do
    getent passwd $user >/dev/null || die "there is no user $user: install Dovecot and Postfix"
done
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
if [ "${1:-}" = --tools ]; then
    tools=$(realpath "${2:?--tools needs a folder}")
    shift 2
fi
[ $# -gt 0 ] || set -- deb rpm source
for what; do
    case $what in
        deb | rpm) try "$what" "$(newest "$what")" ;;
        source) try source "$project/target/packages/bin" ;;
        *.deb | *.rpm) try "${what##*.}" "$what" ;;
        *) die "unknown: $what" ;;
    esac
done
