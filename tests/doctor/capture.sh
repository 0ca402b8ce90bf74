#!/usr/bin/env bash
# Makes the texts of this gallery anew: what doveconf and postconf print for the shipped configurations (base/), and
# for the same with one thing broken (a folder each). Needs Dovecot 2.3, Postfix, nginx, and Dovecot 2.4 in the folder that
# tests/dovecot-2.4.sh builds. Starts no server. Beside these texts a case may have facts.json, written by hand.
#
# Afterwards:  SIDEGATE_WRITE_ERRORS=1 cargo test --test it doctor     and read the diff of expected.txt
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../.." && pwd)
newer=${SIDEGATE_TEST_CACHE:-/var/cache/sidegate-tests}/trixie
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$here/base"

# The comments tell of the machine.
tidy() {
    grep -v -e '^#' -e '^config_directory =' | sed -e "s#$work#/srv/site#g" -e "s#$project/conf#/etc/sidegate#g"
}

# print SERIES: what doveconf says of $work/dovecot.conf
print() {
    if [ "$1" = 2.3 ]; then
        doveconf -n -c "$work/dovecot.conf"
    else
        # shellcheck disable=SC2016
        unshare --mount sh -ec 'mount --bind "$0/etc/ld.so.cache" /etc/ld.so.cache
            mount --bind "$0/usr" /usr
            exec "$@"' "$newer" doveconf -n -c "$work/dovecot.conf"
    fi
}

# configure SERIES MODE: the site of examples/ with the shipped file, where its first lines tell to include it
configure() {
    site=$(sed -e "s#@DIR@/dovecot/run#/run/dovecot#" -e "s#@DIR@#/srv/site#" -e "s#@HOST@#127.0.0.1#" \
        -e "s#@VERSION@#2.4.1#" "$project/examples/site/dovecot-$1.conf" | grep -v -e '^!include' -e '^  submission = yes' |
        sed -e '/^protocols = /s/ submission//')
    include="!include $project/conf/dovecot/$1/$2.conf"
    case $2 in
        passdb-*) printf '%s\n' "$site" | sed "0,/^passdb /s#^passdb #$include\n&#" ;;
        policy) printf '%s\n%s\n%s\n%s\n' "$site" "$include" 'auth_policy_hash_nonce = nonce' \
            'auth_policy_server_api_header = X-Sidegate-Key:0123456789abcdef' ;;
        *) printf '%s\n%s\n' "$site" "$include" ;;
    esac >"$work/dovecot.conf"
}

# broken CASE SERIES MODE SED [LINES]: one thing changed, in the site's file or behind it
broken() {
    configure "$2" "$3"
    # What is included becomes part of the file, so that it can be changed.
    include=$(sed -n 's/^!include //p' "$work/dovecot.conf")
    sed -i -e "\#^!include #{r $include
        d}" "$work/dovecot.conf"
    sed -i -E "$4" "$work/dovecot.conf"
    printf '%s\n' "${5:-}" >>"$work/dovecot.conf"
    mkdir -p "$here/$1"
    print "$2" | tidy >"$here/$1/dovecot.txt"
}

for series in 2.3 2.4; do
    for mode in front full passdb-lua policy; do
        configure $series $mode
        print $series | tidy >"$here/base/dovecot-$series-$mode.txt"
    done
done
configure 2.3 passdb-dict
print 2.3 | tidy >"$here/base/dovecot-2.3-passdb-dict.txt"

open='s/^ *result_failure = .*//'
auth='service auth {
  unix_listener /var/spool/postfix/private/auth {
    mode = 0666
  }
}'
own='service auth {
  unix_listener login/login {
    mode = 0666
  }
}'
broken 10-cache-2.3 2.3 passdb-lua 's/^auth_cache_size.*/auth_cache_size = 10M/'
broken 11-cache-2.4 2.4 passdb-lua 's/^auth_cache_size.*/auth_cache_size = 10M/'
broken 12-chain-open-2.3 2.3 passdb-lua "$open"
broken 13-chain-open-2.4 2.4 passdb-lua "$open"
broken 14-dict-open-when-away 2.3 passdb-dict 's/^ *result_internalfail = .*//'
broken 15-passdb-in-front-2.3 2.3 passdb-lua '0,/^passdb \{/s//passdb {\n  driver = passwd-file\n  args = \/x\n}\npassdb {/'
broken 16-passdb-in-front-2.4 2.4 passdb-lua '0,/^passdb lua/s//passdb passwd-file {\n  passwd_file_path = \/x\n}\npassdb lua/'
broken 17-no-passdb-of-ours 2.3 policy '/^auth_policy_server/d'
broken 18-mechanism-2.3 2.3 passdb-lua 's/^auth_mechanisms = .*/auth_mechanisms = plain login cram-md5/'
broken 19-mechanism-2.4 2.4 passdb-lua '' 'auth_mechanisms {
  cram-md5 = yes
}'
broken 20-socket-back-2.3 2.3 front '' "$own"
broken 21-socket-back-2.4 2.4 front '' "$own"
broken 22-other-listener-2.3 2.3 front '' "$auth"
broken 23-other-listener-2.4 2.4 full '' "$auth"
broken 24-nothing-included 2.3 front '/^service auth \{/,/^\}/d'
broken 25-no-way-back 2.3 front 's/sg-back-client/back-client/'
broken 26-way-back-type 2.4 front 's/type = userdb/type = auth/'
broken 27-way-back-open 2.4 front 's/mode = 0660/mode = 0666/'
broken 28-policy-and-front 2.3 front '' 'auth_policy_server_url = http://127.0.0.1:8026/policy
auth_policy_hash_nonce = nonce'
broken 29-policy-open-2.3 2.3 policy 's/reject_on_fail = yes/reject_on_fail = no/'
broken 30-policy-log-only 2.4 policy 's/log_only = no/log_only = yes/; s/report_after_auth = yes/report_after_auth = no/'
broken 31-policy-elsewhere 2.4 policy 's/:8026/:8027/'
broken 32-policy-no-key 2.3 policy '/^auth_policy_server_api_header/d'
broken 33-everybody-trusted 2.4 front '' 'login_trusted_networks = 0.0.0.0/0'
broken 34-clear-text-2.3 2.3 front 's/^listen = .*/listen = */'
broken 35-clear-text-2.4 2.4 front 's/^listen = .*/listen = */'
broken 39-own-submission-2.4 2.4 front 's/^  lmtp = yes/&\n  submission = yes/'
broken 36-passwords-in-log 2.3 full '' 'auth_debug_passwords = yes'
broken 82-nothing-included-2.4 2.4 front '/^service auth \{/,/^\}/d'
broken 83-policy-and-front-2.4 2.4 front '' 'auth_policy_server_url = http://127.0.0.1:8026/policy
auth_policy_hash_nonce = nonce'
broken 84-policy-open-2.4 2.4 policy 's/reject_on_fail = yes/reject_on_fail = no/'
broken 85-passwords-in-log-2.4 2.4 full '' 'auth_verbose_passwords = plain'
broken 86-chain-open-when-away-2.4 2.4 passdb-lua 's/^ *result_internalfail = .*//'

# postfix CASE MAIN_SED MASTER_SED [LINES]
postfix() {
    cat "$project"/examples/site/postfix-main.cf <(grep -v '^sidegate_' "$project"/conf/postfix/main.cf) \
        "$project"/conf/postfix/sending.cf |
        sed -e "s#@DIR@/postfix/queue#/var/spool/postfix#" -e "s#@DIR@/postfix/etc#$work#" \
            -e "s#@DIR@#/srv/site#" -e "s#@HOST@#127.0.0.1#" -e '/^config_directory/d' |
        sed -E "$2" >"$work/main.cf"
    printf '%s\n' "${4:-}" >>"$work/main.cf"
    {
        sed -e "s#@HOST@#127.0.0.1#" "$project/examples/site/postfix-master.cf"
        cat "$project/conf/postfix/master.cf"
        echo 'smtp inet n - y - - smtpd'
    } | sed -E "$3" >"$work/master.cf"
    mkdir -p "$here/$1"
    postconf -c "$work" -n | tidy >"$here/$1/postfix-main.txt"
    postconf -c "$work" -M | tidy >"$here/$1/postfix-master.txt"
    postconf -c "$work" -P | tidy >"$here/$1/postfix-own.txt"
}

postfix base '' ''
postfix 40-auth-on-port-25 's/^smtpd_sasl_auth_enable = no/smtpd_sasl_auth_enable = yes/' ''
postfix 41-absolute-path 's#^smtpd_sasl_path = .*#smtpd_sasl_path = /var/spool/postfix/sidegate/auth#' ''
postfix 42-past-sidegate 's#^smtpd_sasl_path = .*#smtpd_sasl_path = private/auth#' ''
postfix 43-cyrus 's/^smtpd_sasl_type = .*/smtpd_sasl_type = cyrus/' ''
postfix 53-saslauthd 's/^smtpd_sasl_type = .*/smtpd_sasl_type = cyrus/' ''
postfix 44-submission-without-auth '' '0,/ *-o smtpd_sasl_auth_enable=yes/s///'
postfix 45-nobody-asked 's/^(sidegate_[a-z]*_restrictions =).*/\1/' ''
postfix 46-one-hook-missing '/^sidegate_data/d' ''
postfix 47-hooks-open 's/default_action = 451 4.3.0 Try again later/default_action = DUNNO/' ''
postfix 48-delay-reject '' 's/smtpd_delay_reject=no/smtpd_delay_reject=yes/'
postfix 49-nobody-listens 's#unix:sidegate/policy#unix:sidegate/limits#' ''
postfix 50-map-without-listener '' '' 'smtpd_sender_login_maps = socketmap:unix:sidegate/map:sender-login'
postfix 51-milter-not-asked '' ''
postfix 52-submission-in-clear '' 's/smtpd_tls_security_level=encrypt/smtpd_tls_security_level=may/; s/smtpd_tls_(auth_only|wrappermode)=yes/smtpd_tls_\1=no/'

# nginx CASE SED [CONFIGURATION]: what nginx -T says of the shipped file, changed, or of another configuration
nginx() {
    mkdir -p "$here/$1"
    sed -E -e "s#/etc/ssl/(certs|private)/#$work/#" -e "$2" "$project/conf/nginx/mail.conf" >"$work/mail.conf"
    printf '%s\n' 'load_module /usr/lib/nginx/modules/ngx_mail_module.so;' 'user www-data;' 'events { }' \
        "${3:-include mail.c*;}" >"$work/nginx.conf"
    command nginx -T -q -e "$work/log" -c "$work/nginx.conf" -g "pid $work/pid;" |
        grep -v -e '^# [^c]' -e '^#$' | sed -e "s#$work#/etc/nginx#g" >"$here/$1/nginx.txt"
}

openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=mx.example.org -keyout "$work/mail.key" -out "$work/mail.pem" 2>/dev/null
address='s#http://unix:[^;]*;#http://127.0.0.1:8026/auth;#'
nginx 00-nginx ''
nginx 00-nginx-with-a-key "$address; s#^ *auth_http_timeout.*#&\\n    auth_http_header X-Sidegate-Key 0123456789abcdef;#"
nginx 88-nginx-asks-elsewhere 's#http://unix:[^;]*;#http://localhost:9000/cgi-bin/auth;#'
nginx 89-nginx-shows-no-key "$address"
nginx 90-nginx-asks-where-everybody-may "$address"
nginx 91-nginx-no-backend ''
nginx 92-nginx-asks-for-nothing 's#:/auth;#:/login;#'
nginx 93-nginx-not-let-in ''
nginx 94-nginx-never-asked ''
nginx 95-nginx-without-mail '' 'http { server { listen 127.0.0.1:80; } }'
