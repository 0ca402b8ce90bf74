# $1 is how many of this package will be left. The sockets first: they would start the daemon again.
if [ "$1" -eq 0 ]; then
    # Mail must not die with it: what leads to it and cannot be undone here is told, and it stays.
    /usr/libexec/sidegate/leave.sh || exit 1
    now=
    if [ -d /run/systemd/system ]; then now=--now; fi
    systemctl --no-reload disable $now \
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
