#!/bin/sh
# Before Sidegate is removed: does anything still lead to it? The packages and install.sh ask this first.
#
#   leave.sh           0: nothing leads here any more. 1: a configuration of this machine does, and what to do about it
#
# What can be undone without touching anybody's configuration is undone: links that are left in Dovecot's folder after its
# configuration let go of them go, and Dovecot is started again, to make its own sockets. With SIDEGATE_REMOVE_ANYWAY=1 in the
# environment the rest is told, and is no reason to stay.
set -u

here=$(cd "$(dirname "$0")" && pwd)
told=false

# tell TEXT: a reason not to leave.
tell() {
    $told || echo "Sidegate is in use, and without it people could not log in:" >&2
    told=true
    printf '\n%s\n' "$1" >&2
}

# The lines of a command's output that name one of our sockets or files, as the shipped settings call them.
naming() {
    grep -E "$1" | grep -v '^[[:space:]]*#'
}

# --- Dovecot -----------------------------------------------------------------------------------------------------------

# includes: FILE:LINE:TEXT of every line of Dovecot's files that reads one of ours.
includes() {
    [ -d /etc/dovecot ] || return 0
    grep -rnE '^[[:space:]]*!include(_try)?[[:space:]]+[^#]*/sidegate/dovecot/' /etc/dovecot 2>/dev/null
}

# What else names us, copied lines for example; and that Dovecot is told not to make the socket of its login processes.
dovecot_names() {
    doveconf -n 2>/dev/null | naming '/sidegate[/-]|sg-back-|^auth_policy_server_url = http://127\.0\.0\.1:8026/'
    doveconf -n 2>/dev/null | awk '
        $1 == "unix_listener" && $2 == "login/login" { within = 1 }
        within && $1 == "mode" && $3 ~ /^0+$/ { print "unix_listener login/login { mode = 0 }" }
        $1 == "}" { within = 0 }'
}

base_dirs() {
    { echo /run/dovecot; doveconf -h base_dir 2>/dev/null; } | sort -u
}

# linked BASE_DIR: whether take-over.sh made links there.
linked() {
    for name in login/login auth-client auth-login auth-master auth-userdb; do
        case $(readlink "$1/$name" 2>/dev/null) in sidegate/* | login/sidegate/*) return 0 ;; esac
    done
    return 1
}

runs() {
    [ -s "$1/master.pid" ] && kill -0 "$(cat "$1/master.pid")" 2>/dev/null
}

by_systemd() {
    [ -d /run/systemd/system ] && systemctl is-active --quiet dovecot.service
}

# undo BASE_DIR: gives a Dovecot that wants them its sockets back.
undo() {
    linked "$1" || return 0
    if ! runs "$1"; then
        "$here/take-over.sh" --undo "$1"
        return
    fi
    if ! by_systemd; then
        tell "Dovecot runs with links to Sidegate in $1, and not as dovecot.service. Stop it, then:
    $here/take-over.sh --undo $1
and start it."
        return
    fi
    echo "sidegate: gives Dovecot its sockets back and starts it anew" >&2
    if ! { systemctl stop dovecot.service && "$here/take-over.sh" --undo "$1" && systemctl start dovecot.service; }; then
        tell "Dovecot did not get its sockets back: journalctl -u dovecot"
    fi
}

dovecot() {
    included=$(includes)
    named=$(dovecot_names | sort -u)
    if [ -z "$included$named" ]; then
        for base in $(base_dirs); do undo "$base"; done
        return
    fi
    commands=$(
        echo "    systemctl stop dovecot"
        for base in $(base_dirs); do
            if linked "$base"; then echo "    $here/take-over.sh --undo $base"; fi
        done
        echo "$included" | cut -d: -f1 | sort -u | while read -r file; do
            [ -z "$file" ] || echo "    sed -i '/^ *!include.*\\/sidegate\\/dovecot\\//d' $file"
        done
        echo "    systemctl start dovecot"
    )
    if [ -n "$included" ]; then
        tell "Dovecot's configuration includes Sidegate's:
$(echo "$included" | sed 's/^/  /')
To give Dovecot its sockets and passwords back:
$commands"
    else
        tell "Dovecot's configuration (doveconf -n) leads to Sidegate:
$(echo "$named" | sed 's/^ */  /')
Take that out, and give Dovecot its sockets back:
$commands"
    fi
}

# --- Postfix -----------------------------------------------------------------------------------------------------------

sockets='(^|[^a-z])sidegate/(auth|policy|map|milter|mux)'

# letting_go DIR: commands that have each parameter let go of us.
letting_go() {
    postconf -c "$1" -n 2>/dev/null | naming "$sockets" | while IFS=' ' read -r name _; do
        case $name in
            smtpd_sasl_path) echo "    postconf -c $1 -e 'smtpd_sasl_path = private/auth'    # or what it was before: a listener of Dovecot's" ;;
            sidegate_*) echo "    postconf -c $1 -e '$name ='" ;;
            *) echo "    postconf -c $1 -X $name" ;;
        esac
    done
    postconf -c "$1" -P 2>/dev/null | naming "$sockets" | while IFS=' ' read -r name _; do
        case $name in
            */smtpd_sasl_path) echo "    postconf -c $1 -P '$name = private/auth'    # or what it was before" ;;
            *) echo "    postconf -c $1 -PX $name" ;;
        esac
    done
    if naming '^saslauthd_path: /sidegate/' <"$1/sasl/smtpd.conf" 2>/dev/null >&2; then
        echo "    \$EDITOR $1/sasl/smtpd.conf    # saslauthd_path is Sidegate's"
    fi
}

postfix() {
    command -v postconf >/dev/null || return 0
    for dir in $({ echo /etc/postfix; postmulti -l 2>/dev/null | awk '{ print $4 }'; } | sort -u); do
        [ -f "$dir/main.cf" ] || continue
        commands=$(letting_go "$dir")
        [ -z "$commands" ] || tell "Postfix ($dir) asks Sidegate. To have it ask Dovecot again:
$commands
    postfix -c $dir reload"
    done
}

# --- nginx -------------------------------------------------------------------------------------------------------------

nginx() {
    command -v nginx >/dev/null || return 0
    named=$(command nginx -T -q 2>/dev/null | naming 'auth_http .*/run/sidegate/')
    [ -z "$named" ] || tell "nginx's mail proxy asks Sidegate:
$(echo "$named" | sed 's/^ */  /')
Take its mail { } out (nginx -T shows where it is), then: nginx -s reload"
}

dovecot
postfix
nginx
$told || exit 0
if [ "${SIDEGATE_REMOVE_ANYWAY:-}" = 1 ]; then
    printf '\nSIDEGATE_REMOVE_ANYWAY is set: Sidegate goes all the same.\n' >&2
    for base in $(base_dirs); do "$here/take-over.sh" --undo "$base"; done
    exit 0
fi
printf '\nThen remove Sidegate again. To remove it all the same: SIDEGATE_REMOVE_ANYWAY=1 in the environment.\n' >&2
exit 1
