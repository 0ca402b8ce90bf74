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
# $1 is how many of this package are left.
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload >/dev/null 2>&1 || :
    # After an upgrade; the sockets stay, and whoever comes meanwhile waits in them.
    if [ "$1" -ge 1 ]; then systemctl try-restart sidegate.service sidegate-portal.service >/dev/null 2>&1 || :; fi
fi
if [ "$1" -eq 0 ]; then
    # Sockets that lead to nobody. What an administrator made stays: settings, store, the user and its groups.
    rm -rf /run/sidegate /run/sidegate-portal /run/dovecot/login/sidegate /var/spool/postfix/sidegate
    # cargo-generate-rpm puts no folders into a package, so rpm does not know whose they are.
    for folder in /etc/sidegate/dovecot/2.3 /etc/sidegate/dovecot/2.4 /etc/sidegate/dovecot /etc/sidegate \
        /usr/libexec/sidegate /var/log/sidegate; do
        rmdir "$folder" 2>/dev/null || :
    done
    hold_places
    find /usr/share/doc/sidegate /usr/share/licenses/sidegate -depth -type d -empty -delete 2>/dev/null || :
fi
