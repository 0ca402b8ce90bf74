#!/usr/bin/env bash
# Sidegate, tried in five minutes: real Dovecot and Postfix, two people, client passwords, a blocked address, the portal.
#
#   examples/quickstart.sh          builds, starts and shows; leaves all running
#   examples/quickstart.sh stop     stops it
#
# Runs as root on Debian 12 or 13 (Dovecot and Postfix need it) and installs what is missing with apt. Everything lives
# in /tmp/sidegate-quickstart (or $SIDEGATE_QUICKSTART_DIR) and listens on 127.0.0.1 with high ports: a mail server of
# this machine, its configuration and its mail are not touched.
set -Eeuo pipefail

project=$(cd "$(dirname "$0")/.." && pwd)
built=${CARGO_TARGET_DIR:-$project/target}/quick
self=$project/examples/quickstart.sh
dir=${SIDEGATE_QUICKSTART_DIR:-/tmp/sidegate-quickstart}
host=127.0.0.1
person=alice@example.test
main_password=correct-horse-battery
# Shows the portal, so that the first one's account is as you would find your own.
colleague=bob@example.test
colleague_password=staple-horse-garden
portal_port=10081
# By this name: browsers take it for as safe as https, which passkeys and cookies need.
portal_url=http://localhost:$portal_port
# Daemon and portal need no name and no privilege; ids that no user of this machine has.
daemon_id=64991
portal_id=64992

. "$project/examples/lib.sh"

if [ -t 1 ]; then
    bold=$'\e[1m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
else
    bold='' green='' red='' plain=''
fi

number=0
step() {
    number=$((number + 1))
    printf '\n%s%2d. %s%s\n' "$bold" "$number" "$1" "$plain"
}

ok() {
    printf '    %sok%s  %s\n' "$green" "$plain" "$1"
}

# fail WHAT [LOG]: says what went wrong, and shows the end of the log that knows more.
fail() {
    printf '\n    %sFAILED%s  %s\n' "$red" "$plain" "$1" >&2
    if [ -n "${2:-}" ] && [ -s "$2" ]; then
        printf '    The end of %s:\n' "$2" >&2
        tail -n 15 "$2" | sed 's/^/      /' >&2
    fi
    exit 1
}
trap 'fail "line $LINENO: $BASH_COMMAND"' ERR

# wait_for SECONDS COMMAND...: until it succeeds.
wait_for() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.1
    done
}

sidegate() {
    "$built/sidegate" --socket "$dir/run/control" "$@"
}

# --- start and stop ----------------------------------------------------------------------------------------------------

# stop_pid FILE: stops the process named in it, if it is still ours.
stop_pid() {
    local pid
    [ -s "$1" ] || return 0
    pid=$(tr -dc 0-9 <"$1")
    if [ -r "/proc/$pid/cmdline" ] && tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF "$dir"; then
        kill "$pid"
        wait_for 20 ended "$pid" || fail "process $pid does not end"
    fi
}

# ended PID: a process that nobody reaps has no command line any more.
ended() {
    [ ! -e "/proc/$1" ] || [ -z "$(tr -d '\0' 2>/dev/null <"/proc/$1/cmdline")" ]
}

stop_all() {
    [ -e "$dir/.sidegate-quickstart" ] || return 0
    if [ -d "$dir/postfix/etc" ] && postfix -c "$dir/postfix/etc" status 2>/dev/null; then
        postfix -c "$dir/postfix/etc" stop 2>/dev/null || fail "Postfix does not stop" "$dir/logs/postfix"
    fi
    stop_pid "$dir/dovecot.pid"
    stop_pid "$dir/sidegate-portal.pid"
    stop_pid "$dir/sidegated.pid"
}

usage() {
    sed -n '2,/^set/p' "$self" | sed -e '/^set/d' -e 's/^# \{0,1\}//'
}

need_root() {
    [ "$(id -u)" = 0 ] || die "Dovecot and Postfix need root: sudo $self ${1:-}"
}

# fill FILE: a file of examples/site with its places filled in.
fill() {
    sed -e "s|@DIR@|$dir|g" -e "s|@HOST@|$host|g" -e "s|@CONF@|$project/conf|g" -e 's|@MODE@|front|g' \
        -e "s|@VERSION@|$(dovecot --version | cut -d' ' -f1 | cut -d- -f1)|g" "$project/examples/site/$1"
}

port_free() {
    ! grep -qiE ": (00000000|0100007F):$(printf %04X "$1") [0-9A-F]+:[0-9A-F]+ 0A" /proc/net/tcp
}

make_site() {
    local port
    case $dir in /*) ;; *) fail "SIDEGATE_QUICKSTART_DIR must be an absolute path: $dir" ;; esac
    [ ${#dir} -le 60 ] || fail "SIDEGATE_QUICKSTART_DIR is too long for the sockets in it: $dir"
    if [ -e "$dir" ]; then
        [ -e "$dir/.sidegate-quickstart" ] || fail "$dir exists and is not of this script"
        rm -rf "$dir"
    fi
    for port in 10024 10025 10110 10143 10465 10587 10993 10995 12587 14190 $portal_port; do
        port_free "$port" || fail "port $port is taken by another program: ss -ltnp 'sport = $port' shows it"
    done
    install -d -m 0755 "$dir" "$dir"/{logs,etc,etc/conf.d,tls,dovecot,dovecot/run,postfix,postfix/etc,postfix/queue}
    touch "$dir/.sidegate-quickstart"
    # The exchange of the last mail client, its password included; the cookies and the page of the last browser.
    install -m 0600 /dev/null "$dir/client-log"
    install -m 0600 /dev/null "$dir/cookies"
    install -m 0600 /dev/null "$dir/page"
    install -d -o $daemon_id -g $daemon_id -m 0700 "$dir/state"
    install -d -o $daemon_id -g $daemon_id -m 0755 "$dir/run"
    install -d -o 5000 -g 5000 -m 0755 "$dir/mail"
    install -d -o postfix -m 0700 "$dir/postfix/data"
    install -d -o $daemon_id -g postfix -m 2750 "$dir/postfix/queue/sidegate"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$dir/tls/key.pem" -out "$dir/tls/cert.pem" \
        2>"$dir/logs/openssl" || fail "no certificate" "$dir/logs/openssl"
    mail_user "$person" "$main_password" >"$dir/dovecot/users"
    mail_user "$colleague" "$colleague_password" >>"$dir/dovecot/users"
    chown root:dovecot "$dir/dovecot/users"
    chmod 0640 "$dir/dovecot/users"
}

# mail_user ADDRESS MAIN-PASSWORD: a line of Dovecot's file of users.
mail_user() {
    echo "$1:{PLAIN}$2:5000:5000::$dir/mail/${1#*@}/${1%@*}::"
}

start_sidegate() {
    sed -e "s|\"/var/lib/sidegate/|\"$dir/state/|" -e "s|\"/run/sidegate/|\"$dir/run/|" \
        -e "s|\"/run/dovecot/|\"$dir/dovecot/run/|" -e "s|\"/var/spool/postfix/|\"$dir/postfix/queue/|" \
        "$project/conf/sidegate/front.toml" >"$dir/etc/sidegate.toml"
    # What it needs to know of the portal; whoever signs in there has an account from then on.
    cat >"$dir/etc/conf.d/portal.toml" <<END
[accounts]
domains = ["${person#*@}"]
[control]
portal = [$portal_id]
[portal]
origin = "$portal_url"
issuer = "Sidegate quickstart"
domains = ["${person#*@}"]
[messages]
portal_url = "$portal_url"
END
    "$project/conf/dovecot/take-over.sh" --user $daemon_id "$dir/dovecot/run"
    # The build folder may be closed to the daemon's user.
    install -m 0755 "$built/sidegated" "$dir/sidegated"
    background sidegated setpriv --reuid=$daemon_id --regid=$daemon_id \
        --groups="$(groups_of dovecot dovenull postfix)" "$dir/sidegated" --config "$dir/etc/sidegate.toml"
    wait_for 15 sidegate status || fail "sidegated does not answer" "$dir/logs/sidegated"
}

start_portal() {
    cat >"$dir/etc/portal.toml" <<END
[site]
url = "$portal_url"
name = "Sidegate quickstart"
[listen]
address = "$host:$portal_port"
[control]
path = "$dir/run/control"
$(mail_server imap 10993)
$(mail_server pop3 10995)
$(mail_server submission 10465)
END
    install -m 0755 "$built/sidegate-portal" "$dir/sidegate-portal"
    background sidegate-portal setpriv --reuid=$portal_id --regid=$portal_id --clear-groups \
        "$dir/sidegate-portal" --config "$dir/etc/portal.toml"
    wait_for 15 taken $portal_port || fail "the portal does not listen" "$dir/logs/sidegate-portal"
}

# mail_server PROTOCOL PORT: what the portal's pages of help tell.
mail_server() {
    printf '[[servers]]\nprotocol = "%s"\nhost = "localhost"\nport = %s\n' "$1" "$2"
}

# background NAME COMMAND...: on its own, so that it outlives this script and its terminal.
background() {
    local name=$1
    shift
    (cd / && exec setsid "$@") >>"$dir/logs/$name" 2>&1 </dev/null &
    echo $! >"$dir/$name.pid"
}

groups_of() {
    local group ids=
    for group in "$@"; do ids=$ids,$(getent group "$group" | cut -d: -f3); done
    echo "${ids#,}"
}

start_dovecot() {
    local series
    series=$(dovecot --version | cut -d. -f1,2)
    [ -e "$project/conf/dovecot/$series/front.conf" ] || fail "Dovecot $series is not known here"
    fill "dovecot-$series.conf" >"$dir/dovecot/dovecot.conf"
    background dovecot dovecot -F -c "$dir/dovecot/dovecot.conf"
    wait_for 15 taken 10143 || fail "Dovecot does not start" "$dir/logs/dovecot"
}

start_postfix() {
    # sending.cf goes in the place of the empty settings.
    fill postfix-main.cf | cat - <(grep -v '^sidegate_' "$project/conf/postfix/main.cf") "$project/conf/postfix/sending.cf" \
        >"$dir/postfix/etc/main.cf"
    sed -e "s/^submission inet /$host:10587 inet /" -e "s/^submissions inet /$host:10465 inet /" \
        "$project/conf/postfix/master.cf" | cat <(fill postfix-master.cf) - >"$dir/postfix/etc/master.cf"
    postfix -c "$dir/postfix/etc" start >"$dir/logs/postfix-start" 2>&1 </dev/null ||
        fail "Postfix does not start" "$dir/logs/postfix-start"
    wait_for 15 taken 10587 || fail "Postfix does not listen" "$dir/logs/postfix"
}

taken() {
    ! port_free "$1"
}

# --- mail clients ------------------------------------------------------------------------------------------------------

# fetch PROTOCOL FROM PASSWORD PATH [CURL OPTIONS]: what the server sent $person; the whole exchange is in $dir/client-log.
fetch() {
    local protocol=$1 from=$2 password=$3 path=$4
    shift 4
    local port=10143
    [ "$protocol" = imap ] || port=10110
    curl -sv --max-time 60 --interface "$from" -K <(printf 'user = "%s:%s"\n' "$person" "$password") \
        "$@" "$protocol://$host:$port/$path" 2>"$dir/client-log"
}

# send FROM PASSWORD PORT SUBJECT [SENDER]: a mail to oneself.
send() {
    local tls=-tls
    [ "$3" = 10587 ] || tls=--tls-on-connect
    swaks --server $host --port "$3" $tls --local-interface "$1" --ehlo client.example.test --timeout 60 \
        --auth PLAIN --auth-user "$person" --auth-password "$2" --auth-hide-password \
        --from "${5:-$person}" --to "$person" --header "Subject: $4" --body "Sent through the side gate." \
        >"$dir/client-log" 2>&1
}

# The server's word on the login, from the exchange of the last client.
answer() {
    tr -d '\r' <"$dir/client-log" | sed -nE 's/^<[^ ]* +//p' | sed -E 's/\[CAPABILITY [^]]*\] //' |
        grep -aE '^([A-Z][0-9]+ NO |-ERR|235 |4[0-9]{2} |5[0-9]{2} )|Logged in' | tail -n 1
}

# refused COMMAND...: must fail, and because the server said no.
refused() {
    local status=0
    "$@" >/dev/null || status=$?
    [ $status -ne 0 ] || fail "this was let in: $1 $2 $3" "$dir/client-log"
    answer | grep -qE '^([A-Z][0-9]+ NO|-ERR|535|421 4\.7\.0|450 4\.7\.1|553 5\.7\.1)' || fail "no refusal but something else" "$dir/client-log"
    ok "refused: $(answer)"
}

# let_in WHAT COMMAND...: must succeed.
let_in() {
    local what=$1
    shift
    "$@" >/dev/null || fail "$what was not let in" "$dir/client-log"
    ok "$what: $(answer | cut -c1-60)"
}

arrived() {
    [ -n "$(fetch imap $host "$password" "INBOX?SUBJECT%20$1" | tr -d '\r' | sed -n 's/^\* SEARCH //p')" ]
}

# --- a browser ---------------------------------------------------------------------------------------------------------

# web PATH [FIELD=VALUE...]: goes to a page of the portal, or sends the form of the last page, and goes where it leads.
# The page is in $dir/page then. What is sent is not on the command line, which every user of this machine sees.
web() {
    local path=$1
    shift
    [ $# = 0 ] || set -- "csrf=$(from_page 'name="csrf" value="([^"]*)"')" "$@"
    curl -sS --location --max-time 60 --cookie "$dir/cookies" --cookie-jar "$dir/cookies" --output "$dir/page" \
        --header "Origin: $portal_url" --header "Accept-Language: en" \
        --config <([ $# = 0 ] || printf 'data-urlencode = "%s"\n' "$@") "$portal_url$path" 2>"$dir/logs/browser" ||
        fail "the portal does not answer" "$dir/logs/browser"
}

# from_page PATTERN: what the group of an extended regular expression holds where the last page first has it.
from_page() {
    sed -nE "s|.*$1.*|\\1|p" "$dir/page" | head -n 1
}

# page_says WHAT TEXT: the last page must have that text.
page_says() {
    grep -qF "$2" "$dir/page" || fail "$1: \"$2\" is not on the page" "$dir/page"
    ok "$1"
}

# app_code KEY [STEPS]: what an authenticator app with that key shows now, or so many half minutes later.
app_code() {
    KEY=$1 STEPS=${2:-0} python3 -c '
import base64, hmac, os, time
step = int(time.time()) // 30 + int(os.environ["STEPS"])
digest = hmac.digest(base64.b32decode(os.environ["KEY"].replace(" ", "")), step.to_bytes(8, "big"), "sha1")
at = digest[-1] & 15
print("%06d" % ((int.from_bytes(digest[at:at + 4], "big") & 0x7FFFFFFF) % 1000000))'
}

# --- the story ---------------------------------------------------------------------------------------------------------

prepare() {
    step "Programs"
    # shellcheck disable=SC2086
    need_packages $MAIL_PACKAGES $BUILD_PACKAGES curl python3 swaks libnet-ssleay-perl
    ok "Dovecot $(dovecot --version | cut -d' ' -f1), Postfix $(postconf -d -h mail_version), curl, swaks"
    local version
    step "Build"
    build
    version=$("$built/sidegate" --version)
    ok "$version"
    step "A private mail site in $dir"
    stop_all
    make_site
    ok "folders, a certificate, $person with the main password \"$main_password\""
    ok "and $colleague with the main password \"$colleague_password\""
    step "Start"
    start_sidegate
    ok "sidegated, unprivileged, in front of Dovecot's auth process"
    start_portal
    ok "sidegate-portal, unprivileged, under another user id: $portal_url/"
    start_dovecot
    ok "Dovecot: IMAP on 10143, POP3 on 10110"
    start_postfix
    ok "Postfix: submission on 10587, submissions on 10465, in its chroot"
}

# What the compiler says is shown: a bar on a terminal, a line for each library elsewhere.
build() {
    local libraries
    find_cargo
    libraries=$(grep -c '^name = ' "$project/Cargo.lock")
    echo "    cargo build --profile quick: about $libraries libraries, 5 minutes on two cores the first time"
    (cd "$project" && run_cargo build --profile quick --locked --bins) ||
        fail "the build; what the compiler said stands above"
}

log_in() {
    step "An account and a client password"
    sidegate account add "$person" >/dev/null
    password=$(sidegate password new "$person" --name "Phone")
    printf '%s\n' "$password" | grep -qE '^[A-Za-z2-9]{16}$' || fail "that is no client password: $password"
    ok "sidegate account add $person"
    ok "sidegate password new $person --name Phone   ->   $password"

    step "The client password opens IMAP, POP3 and SMTP"
    let_in IMAP fetch imap $host "$password" INBOX -X NOOP
    let_in POP3 fetch pop3 $host "$password" ''
    let_in "SMTP with STARTTLS" send $host "$password" 10587 quickstart-starttls
    let_in "SMTP with TLS" send $host "$password" 10465 quickstart-tls

    step "A mail to oneself arrives"
    wait_for 30 arrived quickstart-starttls || fail "the first mail did not arrive" "$dir/logs/postfix"
    wait_for 30 arrived quickstart-tls || fail "the second mail did not arrive" "$dir/logs/postfix"
    ok "both mails are in the INBOX"

    step "The main password is for the browser: mail clients are refused"
    refused fetch imap 127.0.0.65 "$main_password" INBOX -X NOOP
    refused send 127.0.0.65 "$main_password" 10587 never
}

police() {
    step "It sends under its own names only, and not more than its limit"
    sidegate alias add "$person" info@example.test >/dev/null
    ok "sidegate alias add $person info@example.test"
    let_in "a mail from the alias" send $host "$password" 10587 quickstart-alias info@example.test
    refused send $host "$password" 10587 never boss@example.test
    sidegate limits set "$person" --messages-per-hour 3 >/dev/null
    ok "sidegate limits set $person --messages-per-hour 3"
    refused send $host "$password" 10587 one-too-many
    sidegate limits set "$person" --messages-per-hour inherit >/dev/null
}

block() {
    local n
    step "Ten wrong passwords over IMAP from 127.0.0.66 (each answer takes two seconds, on purpose)"
    printf '    '
    for n in 1 2 3 4 5 6 7 8 9 10; do
        ! fetch imap 127.0.0.66 "wrong-guess-$n" INBOX -X NOOP >/dev/null || fail "a wrong password was let in"
        printf '%s ' "$n"
    done
    printf '\n'
    ok "the tenth answer: $(answer)"

    step "Now the right password is refused there, on every protocol, and nowhere else"
    refused send 127.0.0.66 "$password" 10587 never
    refused fetch pop3 127.0.0.66 "$password" ''
    let_in "IMAP from 127.0.0.67" fetch imap 127.0.0.67 "$password" INBOX -X NOOP
    sidegate block list | sed 's/^/    /'
    sidegate block list | grep -qF 127.0.0.66 || fail "the block is not listed"

    step "The administrator lifts the block"
    sidegate block lift 127.0.0.66 >/dev/null
    ok "sidegate block lift 127.0.0.66"
    let_in "IMAP from 127.0.0.66" fetch imap 127.0.0.66 "$password" INBOX -X NOOP
    let_in "SMTP from 127.0.0.66" send 127.0.0.66 "$password" 10587 after-the-block
}

# A program does here what the reader can do in a browser.
portal() {
    local key password
    step "The portal: $colleague signs in with the main password, and needs nobody's help"
    web /sign-in
    web /sign-in "address=$colleague" "password=$colleague_password"
    page_says "signed in" "Anyone who knows your password can sign in."
    sidegate account list | grep -qF "$colleague" || fail "there is no account"
    ok "the account was made by that (portal.domains)"

    step "A second factor: an authenticator app"
    web /factors/new/totp
    key=$(from_page '<code class="secret">([A-Z2-7 ]+)</code>')
    ok "the key that the app scans: $key"
    web /factors/new/totp "code=$(app_code "$key")" "name=Phone"
    page_says "bound, by the code that the app shows" "Authenticator app: Phone"
    web /two-factor
    web /two-factor on=yes
    page_says "two-factor is on" "Two-factor is on"

    step "From now on the main password alone opens nothing"
    web /sign-out out=
    # Another browser: across a redirect curl keeps a cookie that it was told to forget.
    rm -f "$dir/cookies"
    web /sign-in
    web /sign-in "address=$colleague" "password=$colleague_password"
    page_says "a code is asked for" "Enter the code that your authenticator app shows"
    # A code is good once, and the next one is good already.
    web /sign-in/code "code=$(app_code "$key" 1)"
    page_says "signed in with main password and code" "1 second factor protects your account."

    step "A client password, made on the page, opens IMAP"
    web /passwords/new
    web /passwords/new "name=Laptop"
    password=$(from_page 'data-copy="([A-Za-z2-9]{16})"')
    page_says "Laptop   ->   $password" "Client password “Laptop”"
    person=$colleague let_in IMAP fetch imap 127.0.0.68 "$password" INBOX -X NOOP
    person=$colleague refused fetch imap 127.0.0.68 "$colleague_password" INBOX -X NOOP
}

say_goodbye() {
    cat <<END

${bold}All of it keeps running.${plain} In a mail program on this machine:

    user       $person
    password   $password
    incoming   IMAP $host port 10993 (TLS) or 10143 (STARTTLS), or POP3 port 10995 or 10110
    outgoing   SMTP $host port 10465 (TLS) or 10587 (STARTTLS), same user and password
    (the certificate is made by hand: the program asks once)

In a browser on this machine:

    $portal_url/
    user       $person, who has bound no second factor yet
    password   $main_password (the main password)

By hand:

    alias sg='$built/sidegate --socket $dir/run/control'
    sg doctor --dovecot-conf $dir/dovecot/dovecot.conf --postfix-dir $dir/postfix/etc
    sg password list $person
    sg events --since 1h
    sg limits show $person
    sg password revoke $person --name Phone
    curl --user '$person:$password' imap://$host:10143/INBOX?ALL
    logs: $dir/logs/

Stop it:    $self stop
END
}

case ${1:-start} in
    start)
        need_root
        prepare
        log_in
        police
        block
        portal
        say_goodbye
        ;;
    stop)
        need_root stop
        stop_all
        echo "Stopped. Everything it left is in $dir."
        ;;
    -h | --help)
        usage
        ;;
    *)
        usage >&2
        exit 2
        ;;
esac
