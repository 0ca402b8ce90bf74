# Users are made here and not before the files, since all files are root's. Dovecot's and Postfix's sockets belong to
# their groups; those that come later: README.package.
systemd-sysusers sidegate.conf >/dev/null 2>&1 || :
for group in dovecot dovenull postfix; do
    if getent group "$group" >/dev/null; then usermod -a -G "$group" sidegate || :; fi
done
# $1 is how many of this package are there now. A preset at the first only: what was chosen since then stays.
if [ "$1" -eq 1 ]; then
    systemctl --no-reload preset \
        sidegate-control.socket \
        sidegate-dovecot-client.socket \
        sidegate-dovecot-dict.socket \
        sidegate-dovecot-master.socket \
        sidegate-dovecot-passdb.socket \
        sidegate-dovecot-userdb.socket \
        sidegate-http.socket \
        sidegate-nginx.socket \
        sidegate-postfix-auth.socket \
        sidegate-postfix-map.socket \
        sidegate-postfix-milter.socket \
        sidegate-postfix-mux.socket \
        sidegate-postfix-policy.socket \
        sidegate.service >/dev/null 2>&1 || :
fi
if [ -d /run/systemd/system ]; then
    systemd-tmpfiles --create sidegate.conf sidegate-dovecot.conf sidegate-postfix.conf >/dev/null 2>&1 || :
    systemctl daemon-reload >/dev/null 2>&1 || :
fi
