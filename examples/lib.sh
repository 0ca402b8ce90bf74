# Sourced by examples/quickstart.sh and tests/run.sh: what both need of the machine.
# shellcheck shell=bash

MAIL_PACKAGES="dovecot-core dovecot-imapd dovecot-pop3d dovecot-lmtpd dovecot-managesieved dovecot-submissiond postfix openssl"
# For tests/run.sh alone.
TEST_PACKAGES="dovecot-auth-lua lua-socket sasl2-bin libsasl2-modules curl procps nginx-light libnginx-mod-mail fail2ban mandoc strace g++ systemd"
# For tests/browser.sh, beside node and npm.
BROWSER_PACKAGES="chromium fonts-noto-cjk"
BUILD_PACKAGES="gcc libc6-dev"

die() {
    printf '%s\n' "$*" >&2
    exit 1
}

# Installs the packages that are missing, and starts nothing: neither now nor at the next boot.
need_packages() {
    local package missing=()
    for package in "$@"; do
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    [ "$(id -u)" = 0 ] || die "These packages are missing: ${missing[*]}. Install them, or run this as root."
    command -v apt-get >/dev/null || die "These packages are missing, and there is no apt-get: ${missing[*]}"
    if [[ " ${missing[*]} " == *" postfix "* ]] && [ -x /usr/sbin/sendmail ]; then
        die "Another mail server is installed ($(dpkg -S "$(readlink -f /usr/sbin/sendmail)" 2>/dev/null || echo sendmail)), and Postfix would replace it. Try this on another machine."
    fi
    install_quietly "${missing[@]}"
}

install_quietly() {
    local policy=/usr/sbin/policy-rc.d log service
    log=$(mktemp)
    echo "Installing: $*"
    (
        if [ ! -e "$policy" ]; then
            # Debian's way to tell packages not to start what they bring.
            trap 'rm -f "$policy"' EXIT
            printf '#!/bin/sh\nexit 101\n' >"$policy"
            chmod 0755 "$policy"
        fi
        export DEBIAN_FRONTEND=noninteractive
        case " $* " in
            *" postfix "*) echo "postfix postfix/main_mailer_type select No configuration" | debconf-set-selections ;;
        esac
        apt-get update && apt-get install -y --no-install-recommends "$@"
    ) >"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        die "apt-get failed; all of it is in $log"
    }
    rm -f "$log"
    if [ -d /run/systemd/system ]; then
        for service in dovecot postfix nginx fail2ban; do
            case " $* " in
                *" $service "* | *" $service-core "* | *" $service-light "*) systemctl disable --quiet "$service" || true ;;
            esac
        done
    fi
}

# Who called sudo, and that user's cargo.
find_cargo() {
    builder=${SUDO_USER:-$(id -un)}
    builder_home=$(getent passwd "$builder" | cut -d: -f6)
    cargo=$(command -v cargo || true)
    [ -n "$cargo" ] || [ ! -x "$builder_home/.cargo/bin/cargo" ] || cargo=$builder_home/.cargo/bin/cargo
    [ -n "$cargo" ] || die "cargo is missing. Sidegate needs Rust 1.95 or newer; https://rustup.rs installs it:
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal -c clippy -c rustfmt
    . ~/.cargo/env"
}

# cargo as the user who called sudo: root would leave files behind that this user cannot touch.
run_cargo() {
    local as=()
    find_cargo
    [ "$(id -un)" = "$builder" ] || as=(runuser -u "$builder" --)
    "${as[@]}" env HOME="$builder_home" PATH="$(dirname "$cargo"):$PATH" "$cargo" "$@"
}

# cargo as whoever we are, with that user's toolchain; for tests that need root.
run_cargo_here() {
    find_cargo
    HOME=$builder_home PATH="$(dirname "$cargo"):$PATH" "$cargo" "$@"
}
