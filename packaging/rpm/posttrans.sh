# Dovecot's and Postfix's sockets belong to their groups, which may have come with this transaction. Those that come later:
# README.package.
for group in dovecot dovenull postfix; do
    if getent group "$group" >/dev/null; then usermod -a -G "$group" sidegate || :; fi
done
if [ -d /run/systemd/system ]; then
    systemd-tmpfiles --create sidegate.conf sidegate-dovecot.conf sidegate-postfix.conf >/dev/null 2>&1 || :
fi
