#!/bin/sh
# Puts Sidegate's two sockets where Dovecot's programs look for the auth process.
#
#   take-over.sh [--user USER] BASE_DIR      make the folder and the links (BASE_DIR is Dovecot's base_dir: /run/dovecot)
#   take-over.sh --undo BASE_DIR             remove them; Dovecot can have its names back
#
# USER is the user Sidegate runs as ("sidegate" if not given). Run it as root while Dovecot is stopped; running it again
# changes nothing. BASE_DIR is often on a tmpfs and empty after a boot, so let Sidegate's unit run it before the daemon,
# which needs the folder to listen in, and start Dovecot after that:
#
#   # /etc/systemd/system/sidegate.service.d/dovecot.conf
#   [Unit]
#   Before=dovecot.service
#   [Service]
#   ExecStartPre=+/etc/sidegate/dovecot/take-over.sh /run/dovecot
#
# What it makes:
#   BASE_DIR/login/sidegate/   for the sockets "client" and "master", in a folder of its own: Dovecot refuses to start
#                              over a live socket in login/ itself, and its login processes are locked into login/
#   BASE_DIR/login/login -> sidegate/client             the login processes (imap-login, pop3-login, ...)
#   BASE_DIR/auth-client -> login/sidegate/client       doveadm auth test
#   BASE_DIR/auth-login -> login/sidegate/client        doveadm auth login
#   BASE_DIR/auth-master -> login/sidegate/master       imap, pop3, managesieve, submission
#   BASE_DIR/auth-userdb -> login/sidegate/master       lmtp, doveadm
set -eu

usage() {
    sed -n '2,/^# USER/p' "$0" | sed -e '/^# USER/d' -e 's/^# \{0,1\}//' >&2
    exit 2
}

fail() {
    echo "take-over.sh: $1" >&2
    exit 1
}

links='
login/login sidegate/client
auth-client login/sidegate/client
auth-login login/sidegate/client
auth-master login/sidegate/master
auth-userdb login/sidegate/master
'

# link NAME TARGET: never in the place of anything that is not our own link or a socket nobody listens on.
link() {
    if [ -L "$1" ]; then
        [ "$(readlink "$1")" = "$2" ] && return
        fail "$base/$1 is a link to something else: $(readlink "$1")"
    fi
    if [ -S "$1" ]; then
        # A running Dovecot listens on it; one that was killed left it behind.
        if [ -f master.pid ] && kill -0 "$(cat master.pid)" 2>/dev/null; then
            fail "Dovecot is running; stop it first"
        fi
        rm "$1"
    fi
    [ ! -e "$1" ] || fail "$base/$1 exists and is not a link"
    ln -s "$2" "$1"
}

unlink_own() {
    if [ -L "$1" ] && [ "$(readlink "$1")" = "$2" ]; then
        rm "$1"
    fi
}

user=sidegate
undo=false
while [ $# -gt 0 ]; do
    case $1 in
        --undo) undo=true ;;
        --user)
            [ $# -ge 2 ] || usage
            user=$2
            shift
            ;;
        --user=*) user=${1#--user=} ;;
        -*) usage ;;
        *) break ;;
    esac
    shift
done
[ $# -eq 1 ] || usage
case $1 in /*) base=$1 ;; *) fail "BASE_DIR must be an absolute path: $1" ;; esac

if $undo; then
    [ -d "$base" ] || exit 0
    cd "$base"
    echo "$links" | while read -r name target; do
        [ -z "$name" ] || unlink_own "$name" "$target"
    done
    [ ! -d login/sidegate ] || rm -rf login/sidegate
    exit 0
fi

[ -d "$base" ] || install -d -m 0755 "$base"
cd "$base"
# The mode and group Dovecot gives this folder itself.
[ -d login ] || install -d -o root -g dovenull -m 0750 login
# The set-group-id bit gives the sockets in it the login processes' group.
install -d -o "$user" -g dovenull -m 2750 login/sidegate
echo "$links" | while read -r name target; do
    [ -z "$name" ] || link "$name" "$target"
done
