#!/usr/bin/env bash
# Lays out what both packages install, as it will lie under /.
#
#   packaging/gather.sh BIN MANUAL STAGE
#
# BIN has the three programs, MANUAL what examples/manual.rs made. Both packages take everything that is in STAGE, and
# everything in conf/ comes into it: tests/it/packages.rs holds both to it.
set -euo pipefail

cd "$(dirname "$0")/.."
bin=$1 manual=$2 stage=$3

# put MODE SOURCE... FOLDER
put() {
    local mode=$1
    shift
    install -D -m "$mode" -t "$stage/${!#}" "${@:1:$#-1}"
}

rm -rf "$stage"
put 0755 "$bin/sidegated" "$bin/sidegate-portal" usr/sbin
put 0755 "$bin/sidegate" usr/bin
put 0755 conf/dovecot/*.sh packaging/leave.sh usr/libexec/sidegate

put 0644 packaging/systemd/*.service packaging/systemd/*.socket usr/lib/systemd/system
install -D -m 0644 packaging/systemd/sidegate.preset "$stage/usr/lib/systemd/system-preset/50-sidegate.preset"
install -D -m 0644 packaging/systemd/sidegate.sysusers "$stage/usr/lib/sysusers.d/sidegate.conf"
for file in packaging/systemd/*.tmpfiles; do
    install -D -m 0644 "$file" "$stage/usr/lib/tmpfiles.d/$(basename "$file" .tmpfiles).conf"
done

install -D -m 0644 conf/sidegate/front.toml "$stage/etc/sidegate/sidegate.toml"
install -D -m 0644 packaging/logrotate "$stage/etc/logrotate.d/sidegate"
# Secrets stand in files of their own, but some sites will write them here.
put 0640 conf/portal.toml etc/sidegate
# Here Dovecot's files look for each other.
put 0644 conf/dovecot/sidegate.lua etc/sidegate/dovecot
put 0644 conf/dovecot/2.3/* etc/sidegate/dovecot/2.3
put 0644 conf/dovecot/2.4/* etc/sidegate/dovecot/2.4

examples=usr/share/doc/sidegate/examples
put 0644 conf/README.md conf/sidegate.toml conf/openapi.json $examples
put 0644 conf/sidegate/* $examples/sidegate
put 0644 conf/postfix/*.cf $examples/postfix
put 0644 conf/postfix/sasl/* $examples/postfix/sasl
put 0644 conf/nginx/* $examples/nginx
put 0644 conf/monitoring/* $examples/monitoring
for folder in conf/fail2ban conf/crowdsec; do
    find "$folder" -type f -printf '%P\n' | while read -r file; do
        install -D -m 0644 "$folder/$file" "$stage/$examples/${folder#conf/}/$file"
    done
done
put 0644 packaging/systemd/notices.conf packaging/systemd/log-file.conf $examples/systemd
put 0644 conf/guide/*.md usr/share/doc/sidegate/guide
put 0644 conf/guide/pictures/* usr/share/doc/sidegate/guide/pictures
put 0644 README.md usr/share/doc/sidegate
install -D -m 0644 CHANGELOG.md "$stage/usr/share/doc/sidegate/changelog"

for file in "$manual"/*.[578]; do
    put 0644 "$file" "usr/share/man/man${file##*.}"
done
find "$stage/usr/share/man" "$stage/usr/share/doc/sidegate/changelog" -type f -exec gzip -9n {} +
for file in sidegate sidegated sidegate-portal; do
    install -D -m 0644 "$manual/$file.bash" "$stage/usr/share/bash-completion/completions/$file"
    put 0644 "$manual/$file.fish" usr/share/fish/vendor_completions.d
    put 0644 "$manual/_$file" usr/share/zsh/vendor-completions
done
if [ -n "${SOURCE_DATE_EPOCH:-}" ]; then
    find "$stage" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
fi
