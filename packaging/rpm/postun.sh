# After an upgrade; the sockets stay, and whoever comes meanwhile waits in them.
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload || :
    if [ "$1" -ge 1 ]; then systemctl try-restart sidegate.service || :; fi
fi
