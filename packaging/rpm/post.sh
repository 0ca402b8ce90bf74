# The daemon's user has no files in the package.
systemd-sysusers sidegate.conf >/dev/null 2>&1 || :
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
        sidegate-portal.service \
        sidegate.service >/dev/null 2>&1 || :
fi
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload >/dev/null 2>&1 || :
fi
