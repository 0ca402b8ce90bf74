#!/bin/sh
# Ends the open sessions of whoever lost the right to them: a client password was removed, an account was disabled or
# removed, two-factor was turned on. A session that is open otherwise goes on until its client closes it.
#
#   conf/dovecot/kick.sh [SIDEGATE ARGUMENTS]         such as --socket /run/sidegate/control
#
# Runs as root beside Sidegate for as long as the machine does, as a service of its own: the daemon has no right to end
# other processes, and needs none. It follows Sidegate's events and asks Dovecot who is logged in. All sessions of the
# account end, with whatever password they began: mail programs log in again by themselves.
#
# SIDEGATE and DOVEADM in the environment are the programs, if they are not in the path; DOVEADM may have arguments.
set -u

: "${SIDEGATE:=sidegate}" "${DOVEADM:=doveadm}"

# kick ACCOUNT: asks the mail processes to end. "doveadm kick" of Dovecot 2.4.1 says it did, and did not.
kick() {
    # shellcheck disable=SC2086
    $DOVEADM -f tab who -1 "$1" 2>/dev/null | while IFS="$(printf '\t')" read -r user _service pid _rest; do
        case $pid in
            '' | *[!0-9]*) continue ;;
        esac
        [ "$user" = "$1" ] || continue
        kill "$pid" 2>/dev/null && echo "ended a session of $1 (process $pid)"
    done
}

# Whoever follows must end with us, and a shell does not end the other side of its own pipe.
folder=$(mktemp -d) && mkfifo "$folder/events" || exit 1
# Only what happens from now on; each event is a line of JSON.
"$SIDEGATE" --json "$@" events --follow --since 1s \
    --kind password-revoked,account-disabled,account-removed,two-factor-on >"$folder/events" &
follower=$!
trap 'kill "$follower" 2>/dev/null; rm -rf "$folder"' EXIT
trap 'exit 0' HUP INT TERM

while IFS= read -r event; do
    account=$(printf '%s\n' "$event" | sed -n 's/.*"account":"\([^"\\]*\)".*/\1/p')
    [ -z "$account" ] || kick "$account"
done <"$folder/events"
