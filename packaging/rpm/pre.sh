# Before the files come: one of them belongs to the portal's group.
printf 'u sidegate-portal - "Sidegate portal"\n' |
    systemd-sysusers --replace=/usr/lib/sysusers.d/sidegate.conf - >/dev/null 2>&1 || :
