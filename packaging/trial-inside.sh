#!/usr/bin/env bash
# What packaging/trial.sh does with a package, in the copy of the machine and under the copy's systemd.
set -euo pipefail
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

settings=/etc/sidegate/sidegate.toml
newer='# A newer version says this.'
# As README.package says.
sockets=(sidegate-control.socket sidegate-dovecot-client.socket sidegate-dovecot-master.socket
    sidegate-postfix-auth.socket sidegate-postfix-policy.socket)
login_socket=/var/spool/postfix/sidegate/auth
# Where it lies: install.sh installs elsewhere.
prefix=/usr
if [ -e /tmp/share/first.source ]; then prefix=/usr/local; fi
examples=$prefix/share/doc/sidegate/examples

say() { printf '  ok  %s\n' "$1"; }
die() {
    printf 'trial.sh: %s\n' "$1"
    journalctl --no-pager --output=cat -n 40 -u 'sidegate*' || true
    exit 1
}

# must SAYING COMMAND...
must() {
    local saying=$1
    shift
    "$@" >/tmp/said 2>&1 || die "$saying: $(cat /tmp/said)"
}

active() { systemctl is-active --quiet "$1"; }
main_pid() { systemctl show --property MainPID --value sidegate.service; }

# login PASSWORD: as Postfix does it, as its user, at the socket that the configuration of the package has for it. 0: let in;
# 1: refused; 2: to be tried again, which is what whoever has asked hears when the daemon is stopped.
login() {
    # shellcheck disable=SC2016
    setpriv --reuid=postfix --regid=postfix --init-groups perl -MIO::Socket::UNIX -MMIME::Base64 -e '
        alarm 60;
        my $socket = IO::Socket::UNIX->new(Peer => $ARGV[1]) or die "no socket: $!\n";
        $socket->autoflush(1);
        $SIG{PIPE} = "IGNORE";
        print $socket "VERSION\t1\t2\nCPID\t$$\nAUTH\t1\tPLAIN\tservice=smtp\trip=192.0.2.7\tresp="
            . encode_base64("\0ann\@example.org\0$ARGV[0]", "") . "\n";
        while (<$socket>) {
            if (/^OK\t1\t/) { exit 0 }
            if (/^FAIL\t1/) { print; exit(/code=temp_fail/ ? 2 : 1) }
        }
        print "closed\n";
        exit 2' "$1" "$login_socket"
}

# What a package may have left, but for what the package manager and the user database say of it. What a layer hides of the
# one below it is a device there.
# What this trial wrote, and no package owns.
clear_away() { rm -rf /etc/systemd/system/sidegate*.d /etc/sidegate/conf.d; }

leftovers() {
    clear_away
    (cd /tmp/changed && find . -name '*sidegate*' ! -type c -printf '/%P\n' -prune) |
        grep -v '^/var/lib/dpkg/\|^/var/cache/\|^/var/log/' | sort
    find /run -name '*sidegate*' -print -prune | grep -v '^/run/systemd/\|^/run/log/' || true
}

same() { [ "$(sha256sum <"$settings")" = "$edited" ] || die "$1"; }

check_installed() {
    local page file group unit
    getent passwd sidegate >/dev/null || die "there is no user sidegate"
    for group in dovecot dovenull postfix; do
        id -nG sidegate | grep -qw "$group" || die "sidegate is not in the group $group"
    done
    say "installed as it was packed, with its user in the groups of Dovecot and Postfix"
    for page in sidegate.7 sidegate.8 sidegate-password-new.8 sidegated.8 sidegate.toml.5 sidegate-portal.8 portal.toml.5; do
        man -w "${page##*.}" "${page%.*}" >/dev/null || die "no page $page"
    done
    for file in sidegate sidegated sidegate-portal; do bash -n "$prefix/share/bash-completion/completions/$file"; done
    say "manual pages and completions are there"
    [ "$(stat -c %U:%G:%a /etc/sidegate/portal.toml)" = root:sidegate-portal:640 ] ||
        die "portal.toml: $(stat -c %U:%G:%a /etc/sidegate/portal.toml)"
    say "the portal's settings are for root and the portal alone"
    for unit in "$prefix"/lib/systemd/system/sidegate*; do
        must "a unit has mistakes" systemd-analyze verify "$unit"
        case $unit in
            *.service) must "a unit is too open" systemd-analyze security --offline=yes --threshold=20 "$unit" ;;
        esac
        unit=${unit##*/}
        [ "$(systemctl is-enabled "$unit")" = disabled ] || die "$unit is not disabled"
        if active "$unit"; then die "$unit runs"; fi
    done
    say "nothing is enabled or started"
}

# The first question over a socket starts the daemon.
try_daemon() {
    must "the configuration has mistakes" sidegate config check
    must "sockets cannot be enabled" systemctl enable --now "${sockets[@]}"
    if active sidegate.service; then die "the daemon runs before anybody asked"; fi
    must "no account can be added" sidegate account add ann@example.org
    active sidegate.service || die "the daemon does not run"
    must "the daemon cannot be enabled" systemctl enable sidegate.service
    [ "$(ps -o user= -p "$(main_pid)")" = sidegate ] || die "the daemon does not run as sidegate"
    secret=$(sidegate password new ann@example.org --name Phone)
    must "the new password is not good" login "$secret"
    if login 'AAAA-wrong-wrong' >/dev/null; then die "any password is good"; fi
    [ "$(readlink /run/dovecot/login/login)" = sidegate/client ] || die "there are no links for Dovecot"
    if journalctl -u sidegate.service --quiet \
        --grep 'no listener is configured|do not reach|could not|cannot' >/dev/null; then
        die "the daemon is not content with its unit"
    fi
    say "started by its sockets, as its user, with the configuration it brings; a client password logs in, a wrong one does not"
}

# page ADDRESS: its status and what it is, as a browser that has never been here before.
page() {
    # shellcheck disable=SC2016
    perl -MIO::Socket::INET -e '
        alarm 60;
        my $socket = IO::Socket::INET->new("127.0.0.1:8025") or die "no portal: $@\n";
        print $socket "GET $ARGV[0] HTTP/1.1\r\nHost: account.example.org\r\nConnection: close\r\n\r\n";
        print while <$socket>' "$1"
}

# As README.package says, but for nginx.
try_portal() {
    mkdir -p /etc/sidegate/conf.d
    printf '[control]\nportal = ["sidegate-portal"]\n[portal]\norigin = "https://account.example.org"\n[messages]\nportal_url = "https://account.example.org"\n' \
        >/etc/sidegate/conf.d/portal.toml
    must "the daemon does not start with a portal" systemctl restart sidegate.service
    must "the portal's settings have mistakes" sidegate-portal --check
    must "the portal does not start" systemctl enable --now sidegate-portal.service
    [ "$(ps -o user:20= -p "$(systemctl show --property MainPID --value sidegate-portal.service)" | tr -d ' ')" = sidegate-portal ] ||
        die "the portal does not run as sidegate-portal"
    page /sign-in >/tmp/page
    { grep -q '^HTTP/1.1 200' /tmp/page && grep -q 'name="password"' /tmp/page; } || die "no page to sign in: $(cat /tmp/page)"
    # The daemon speaks to nobody else, and this user may do nothing but what people may do.
    if setpriv --reuid=sidegate-portal --regid=sidegate-portal --clear-groups sidegate account list >/tmp/said 2>&1; then
        die "the portal's user is an administrator"
    fi
    if setpriv --reuid=sidegate-portal --regid=sidegate-portal --clear-groups ls /var/lib/sidegate >/tmp/said 2>&1; then
        die "the portal's user can look into the store"
    fi
    says sidegate-portal 'sidegated serves the portal'
    sidegate doctor >/tmp/said 2>&1 || true
    # Delegations do little where neither sharing nor a milter is set up: it says so, and nothing worse.
    grep -Eq '^(ok|warn) +portal ' /tmp/said || die "doctor does not look at the portal: $(cat /tmp/said)"
    if grep -Eq '^bad +portal ' /tmp/said; then die "doctor on the portal: $(cat /tmp/said)"; fi
    say "the portal runs as its user, reaches the daemon, shows its page, and is no administrator"
    shut_out
}

# says UNIT TEXT: what a person sees of its log.
says() {
    local end=$((SECONDS + 30))
    until journalctl --no-pager --output=cat -u "$1.service" | grep -q "$2"; do
        [ $SECONDS -lt $end ] || die "the log of $1 does not say: $2"
        sleep 0.2
    done
}

# A control socket that is closed to the portal: its log and doctor name the cause and the cure.
shut_out() {
    mkdir /etc/systemd/system/sidegate-control.socket.d
    printf '[Socket]\nSocketMode=0600\n' >/etc/systemd/system/sidegate-control.socket.d/shut.conf
    systemctl daemon-reload
    must "the daemon does not stop" systemctl stop sidegate.service
    must "the daemon does not start" systemctl restart sidegate-control.socket sidegate.service sidegate-portal.service
    says sidegate-portal 'could not be asked: the user sidegate-portal may not open /run/sidegate/control'
    sidegate doctor >/tmp/said 2>&1 || true
    grep -q 'bad *portal .*sidegate-portal cannot reach /run/sidegate/control' /tmp/said || die "doctor: $(cat /tmp/said)"
    grep -q 'cure: SocketGroup=sidegate-portal' /tmp/said || die "doctor names no cure: $(cat /tmp/said)"
    rm -r /etc/systemd/system/sidegate-control.socket.d
    systemctl daemon-reload
    must "the daemon does not stop" systemctl stop sidegate.service
    must "the daemon does not start" systemctl restart sidegate-control.socket sidegate.service sidegate-portal.service
    say "where the portal is kept out, its log and doctor say why, and what to do"
}

# As the manual has it for a new key or another database.
try_sockets() {
    local unit
    systemctl stop 'sidegate-*.socket' sidegate.service
    for unit in "${sockets[@]}"; do
        if active "$unit"; then die "$unit was not stopped"; fi
    done
    must "the sockets do not start again" systemctl start --all 'sidegate-*.socket'
    for unit in "${sockets[@]}"; do active "$unit" || die "$unit was not started again"; done
    for unit in sidegate-http.socket sidegate-nginx.socket sidegate-dovecot-dict.socket; do
        if active "$unit"; then die "$unit, which is not enabled, was started"; fi
    done
    must "no login" login "$secret"
    say "all sockets are stopped by a pattern, and those that are enabled started again by the same"
}

# As log-file.conf and conf/fail2ban say; the folder is there.
try_log_file() {
    local file=/var/log/sidegate/sidegated.log
    mkdir -p /etc/sidegate/conf.d
    printf '[log]\nformat = "json"\n' >/etc/sidegate/conf.d/log.toml
    install -D -m 0644 "$examples/systemd/log-file.conf" /etc/systemd/system/sidegate.service.d/log-file.conf
    systemctl daemon-reload
    must "the daemon does not start with a log in a file" systemctl restart sidegate.service
    if login 'AAAA-wrong-wrong' >/dev/null; then die "any password is good"; fi
    sleep 1
    grep -q '"event":"login".*"verdict":"refuse"' $file || die "the file has not the login: $(tail $file)"
    if setpriv --reuid=sidegate-portal --regid=sidegate-portal --clear-groups cat $file >/dev/null 2>&1; then
        die "everybody may read the log"
    fi
    if command -v logrotate >/dev/null; then
        must "logrotate" logrotate --force --state /tmp/rotated /etc/logrotate.d/sidegate
        { [ ! -s $file ] && grep -q '"verdict":"refuse"' $file.1; } || die "logrotate did not rotate: $(ls -l /var/log/sidegate)"
        must "no login" login "$secret"
        sleep 1
        [ -s $file ] || die "nothing is written after a rotation"
    fi
    rm -r /etc/sidegate/conf.d/log.toml /etc/systemd/system/sidegate.service.d
    systemctl daemon-reload
    must "the daemon does not start" systemctl restart sidegate.service
    say "the log goes to a file that fail2ban reads, and logrotate takes"
}

edit() {
    printf '\n[lockout]\nfailures = 7\n' >>"$settings"
    edited=$(sha256sum <"$settings")
    must "the edited configuration is not taken" systemctl reload sidegate.service
}

# imap PASSWORD: through Dovecot.
imap() {
    # shellcheck disable=SC2016
    perl -MIO::Socket::INET -e '
        alarm 60;
        my $socket = IO::Socket::INET->new("127.0.0.1:143") or die "no IMAP: $@\n";
        $socket->autoflush(1);
        <$socket>;
        print $socket "a LOGIN ann\@example.org $ARGV[0]\r\nb LOGOUT\r\n";
        while (<$socket>) { if (/^a /) { print; exit(/^a OK/ ? 0 : 1) } }
        die "no answer\n"' "$1"
}

# Dovecot as its package starts it, told what README.package says: only whose mail it is, is a site's own.
try_dovecot() {
    local version
    version=$(dovecot --version | cut -d. -f1-2)
    if [ "$version" != 2.3 ]; then
        echo "  --  Dovecot $version is not tried: the lines of this site are for 2.3"
        return
    fi
    cat >/etc/dovecot/local.conf <<SITE
first_valid_uid = 1
mail_location = maildir:/var/mail/%u
userdb {
    driver = static
    args = uid=mail gid=mail home=/var/mail/%u allow_all_users=yes
}
!include /etc/sidegate/dovecot/$version/front.conf
SITE
    must "Dovecot does not start" systemctl start dovecot.service
    must "no login over IMAP" imap "$secret"
    if imap 'AAAA-wrong-wrong' >/dev/null; then die "IMAP takes any password"; fi
    say "Dovecot $version, started after it as README.package says, lets the client password in over IMAP and no other"
}

# Postfix asks us, too; it is not started.
postfix_asks() {
    printf 'compatibility_level = 3.6\n' | cat - "$examples/postfix/main.cf" >/etc/postfix/main.cf
    sed -i '/^sidegate_/d' /etc/postfix/main.cf
    cat "$examples/postfix/sending.cf" >>/etc/postfix/main.cf
    cat /usr/share/postfix/master.cf.dist "$examples/postfix/master.cf" >/etc/postfix/master.cf
}

# refused COMMAND...: who removes it while mail servers lead to it is told what to do, and nothing has changed.
refused() {
    if "$@" >/tmp/refused 2>&1; then die "it was removed while it was in use: $(cat /tmp/refused)"; fi
    for word in "sed -i .* /etc/dovecot/local.conf" "take-over.sh --undo /run/dovecot" 'smtpd_sasl_path = private/auth' \
        "'sidegate_sender_restrictions ='" SIDEGATE_REMOVE_ANYWAY=1; do
        grep -q -- "$word" /tmp/refused || die "\"$word\" is not told: $(cat /tmp/refused)"
    done
    active sidegate.service || die "the daemon was stopped"
    must "no login over IMAP any more" imap "$secret"
    say "it stays while Dovecot and Postfix lead to it, with the commands of the way back"
}

# cure PATTERN: the commands that were told and fit, as they stand.
cure() {
    # Postfix does not run here, and has nothing to reload.
    sed -n 's/^    //p' /tmp/refused | grep -E "$1" | grep -v ' reload$' >/tmp/cure || die "no command $1: $(cat /tmp/refused)"
    sh -e /tmp/cure >/tmp/said 2>&1 || die "$(cat /tmp/cure): $(cat /tmp/said)"
    if postconf -n 2>/dev/null | grep -q 'sidegate/'; then die "Postfix still asks: $(postconf -n)"; fi
}

own_sockets() {
    active dovecot.service || die "Dovecot does not run"
    { [ -S /run/dovecot/login/login ] && [ ! -L /run/dovecot/login/login ]; } || die "Dovecot has not got its sockets back"
    # The file of its users is not of this trial: it is enough that Dovecot itself says no.
    if imap 'AAAA-wrong-wrong' >/tmp/said; then die "IMAP takes any password"; fi
    grep -q '^a NO' /tmp/said || die "Dovecot does not answer a login: $(cat /tmp/said)"
}

stop_dovecot() { must "Dovecot does not stop" systemctl stop dovecot.service; }

# upgrade COMMAND...: while somebody logs in again and again.
upgrade() {
    local before inode logins
    before=$(main_pid)
    inode=$(stat -c %i $login_socket)
    : >/tmp/logins
    touch /tmp/go
    (while [ -e /tmp/go ]; do
        result=0
        login "$secret" >/dev/null 2>&1 || result=$?
        echo "$result" >>/tmp/logins
    done) &
    logins=$!
    while [ "$(wc -l </tmp/logins)" -lt 3 ]; do sleep 0.1; done
    must "cannot be upgraded" "$@"
    [ "$(main_pid)" != "$before" ] || die "the upgrade did not restart the daemon"
    active sidegate-portal.service || die "the upgrade stopped the portal"
    active sidegate.service || die "the upgrade stopped the daemon"
    before=$(wc -l </tmp/logins)
    while [ "$(wc -l </tmp/logins)" -lt $((before + 3)) ]; do sleep 0.1; done
    rm /tmp/go
    wait $logins
    if grep -qvx '[02]' /tmp/logins; then die "a right password was refused: $(sort /tmp/logins | uniq -c)"; fi
    [ "$(grep -cx 2 /tmp/logins)" -le 1 ] || die "more than the login that was open was put off: $(sort /tmp/logins | uniq -c)"
    [ "$(stat -c %i $login_socket)" = "$inode" ] || die "the upgrade made the socket anew"
    for unit in "${sockets[@]}" sidegate.service; do
        [ "$(systemctl is-enabled "$unit")" = enabled ] || die "the upgrade disabled $unit"
    done
    same "the upgrade changed the site's configuration"
    grep -qF "$newer" "$settings".{rpmnew,dpkg-dist,new} 2>/dev/null ||
        die "the new configuration is nowhere to be seen"
    say "upgraded under $(wc -l </tmp/logins) logins, none refused: own configuration kept and the new one beside it, daemon restarted, sockets open"
}

check_removed() {
    local unit
    for unit in "${sockets[@]}" sidegate.service sidegate-portal.service; do
        if active "$unit"; then die "$unit still runs"; fi
    done
    if pgrep -x sidegated >/dev/null; then die "sidegated still runs"; fi
    if command -v sidegated >/dev/null; then die "sidegated is still there"; fi
    [ -s /var/lib/sidegate/sidegate.db ] || die "the store is gone"
}

again() {
    must "sockets cannot be started again" systemctl enable --now "${sockets[@]}"
    must "a password was lost" login "$secret"
    say "installed again: everything is as it was"
}

trial_deb() {
    local group kept
    must "cannot be installed" dpkg -i "$1"
    # As if Dovecot and Postfix came later.
    for group in dovecot dovenull postfix; do must "not in group $group" gpasswd -d sidegate $group; done
    must "no trigger" dpkg-trigger --by-package=dpkg /usr/sbin/dovecot
    must "the trigger fails" dpkg --triggers-only sidegate
    [ -z "$(dpkg -V sidegate)" ] || die "dpkg -V: $(dpkg -V sidegate)"
    check_installed
    try_daemon
    try_dovecot
    try_portal

    try_sockets
    try_log_file
    edit
    dpkg-deb -R "$1" /tmp/newer
    sed -i 's/^Version: .*/&+newer/' /tmp/newer/DEBIAN/control
    echo "$newer" >>"/tmp/newer$settings"
    (cd /tmp/newer && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | xargs -0 md5sum >DEBIAN/md5sums)
    dpkg-deb --build -Znone /tmp/newer /tmp/newer.deb >/dev/null
    upgrade dpkg --force-confold -i /tmp/newer.deb

    postfix_asks
    refused dpkg --remove sidegate
    # Only what is in others' files: the rest it does itself.
    cure '^(sed|postconf) '
    must "cannot be removed" dpkg --remove sidegate
    check_removed
    own_sockets
    stop_dovecot
    say "Dovecot got its own sockets back by that, as soon as its configuration let go"
    same "remove took the configuration"
    say "removed: stopped, programs gone, configuration and store kept"
    must "cannot be installed again" dpkg --force-confold -i "$1"
    again

    try_dovecot
    postfix_asks
    refused dpkg --purge sidegate
    clear_away
    must "cannot be purged" env SIDEGATE_REMOVE_ANYWAY=1 dpkg --purge sidegate
    must "Dovecot does not start with what it still includes" systemctl restart dovecot.service
    own_sockets
    stop_dovecot
    if grep -qv '^#' /etc/sidegate/dovecot/2.3/front.conf; then die "more than a place is left"; fi
    rm -r /etc/sidegate
    kept=$(echo /var/backups/sidegate-*)
    [ "$(stat -c '%U:%G:%a' "$kept" "$kept"/* | sort -u | xargs)" = 'root:root:600 root:root:700' ] ||
        die "the last backup: $(ls -la "$kept")"
    mv "$kept" /tmp/kept
    say "purged by force: what Dovecot still includes is there and empty, and the last backup for root alone"
    if getent passwd sidegate sidegate-portal >/dev/null; then die "a user is still there"; fi
    [ -z "$(leftovers)" ] || die "purge left: $(leftovers)"
    say "purged: nothing else is left"
    from_backup "$1"
}

# The last backup is good.
from_backup() {
    must "cannot be installed" dpkg -i "$1"
    install -m 0600 -o sidegate -g sidegate /tmp/kept/store.key /var/lib/sidegate/store.key
    must "the last backup cannot be restored" sidegated --restore /tmp/kept/sidegate.db
    chown -R sidegate:sidegate /var/lib/sidegate
    must "sockets cannot be started" systemctl enable --now "${sockets[@]}"
    must "a password was lost" login "$secret"
    say "and with it all passwords are there again"
}

trial_rpm() {
    local rpm=(rpm) install=() kept
    if ! rpm -q systemd >/dev/null 2>&1; then
        rpm+=(--dbpath /tmp/rpm)
        install=(--nodeps)
    fi
    must "cannot be installed" "${rpm[@]}" "${install[@]}" -i "$1"
    must "rpm -V" "${rpm[@]}" -V "${install[@]}" sidegate
    check_installed
    try_daemon
    try_dovecot
    try_portal

    try_sockets
    try_log_file
    edit
    upgrade "${rpm[@]}" "${install[@]}" -U "$2"
    [ "$("${rpm[@]}" -q sidegate | wc -l)" = 1 ] || die "the older version is still there"

    postfix_asks
    refused "${rpm[@]}" -e sidegate
    cure .
    own_sockets
    stop_dovecot
    say "Dovecot got its own sockets back by what was told"
    clear_away
    must "cannot be erased" "${rpm[@]}" -e sidegate
    check_removed
    mv "$settings.rpmsave" "$settings"
    same "erase took the configuration"
    kept=$(leftovers && ls /etc/sidegate)
    [ "$(echo "$kept" | xargs)" = '/etc/sidegate /var/lib/sidegate /var/lib/sidegate-sharing sidegate.toml sidegate.toml.rpmnew' ] ||
        die "erase left: $kept"
    getent passwd sidegate >/dev/null || die "erase took the user that the store belongs to"
    say "erased: stopped, disabled, only the edited configuration, the store and the user are left"
    must "cannot be installed again" "${rpm[@]}" "${install[@]}" -i "$1"
    again
}

trial_source() {
    local source=$1 kept
    must "cannot be installed" "$source/packaging/install.sh" --built "$source/built"
    check_installed
    try_daemon
    try_dovecot
    try_portal
    try_sockets
    try_log_file

    edit
    echo "$newer" >>"$source/conf/sidegate/front.toml"
    upgrade "$source/packaging/install.sh" --built "$source/built"

    postfix_asks
    refused "$source/packaging/install.sh" --remove
    # Nothing is undone, and Dovecot starts all the same.
    must "cannot be removed by force" env SIDEGATE_REMOVE_ANYWAY=1 "$source/packaging/install.sh" --remove
    check_removed
    same "remove took the configuration"
    must "Dovecot does not start with what it still includes" systemctl restart dovecot.service
    own_sockets
    stop_dovecot
    rm -r /etc/sidegate/dovecot /etc/dovecot/local.conf /etc/postfix/main.cf
    kept=$(leftovers && ls /etc/sidegate)
    [ "$(echo "$kept" | xargs)" = '/etc/sidegate /var/lib/sidegate /var/lib/sidegate-sharing sidegate.toml' ] ||
        die "remove left: $kept"
    say "removed by force: stopped, disabled, and Dovecot starts; only the edited configuration, the store and the users are left"
    must "cannot be installed again" "$source/packaging/install.sh" --built "$source/built"
    again
    clear_away
    must "cannot be removed" "$source/packaging/install.sh" --remove
    check_removed
    say "removed without a word where nothing leads to it"
}

for kind in deb rpm source; do
    if [ -e "/tmp/share/first.$kind" ]; then "trial_$kind" "/tmp/share/first.$kind" "/tmp/share/second.$kind"; fi
done
