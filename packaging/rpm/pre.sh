# The files are not there yet, and some of them belong to this user.
systemd-sysusers --replace=/usr/lib/sysusers.d/sidegate.conf - <<'END' || :
u sidegate - "Sidegate mail gate" /var/lib/sidegate
END
