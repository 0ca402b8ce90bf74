#!/usr/bin/env bash
# Makes target/packages/sidegate_*.deb, and sidegate-*.rpm if asked.
#
#   packaging/build.sh               the .deb
#   packaging/build.sh deb rpm       both; the .rpm has not been tried yet
#   packaging/build.sh --tools DIR   where cargo-deb and cargo-generate-rpm are, or are put (target/packages/tools)
#
# Everything is packed twice and compared. What goes in depends on the source, the toolchain and SOURCE_DATE_EPOCH (the
# last commit's time if not given), not on the machine, the folder or the day.
set -euo pipefail

project=$(cd "$(dirname "$0")/.." && pwd)
cd "$project"
out=$project/target/packages
stage=$out/stage
tools=$out/tools
kinds=()
# What the packages were last made with. Others may do as well.
cargo_deb=3.8.0
cargo_generate_rpm=0.21.1

die() {
    printf 'build.sh: %s\n' "$1" >&2
    exit 1
}

while [ $# -gt 0 ]; do
    case $1 in
        --tools)
            [ $# -ge 2 ] || die "--tools needs a folder"
            tools=$2
            shift
            ;;
        deb | rpm) kinds+=("$1") ;;
        *) die "unknown: $1" ;;
    esac
    shift
done
[ ${#kinds[@]} -gt 0 ] || kinds=(deb)

SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
export LC_ALL=C TZ=UTC

# tool NAME VERSION: only if it is missing; into a folder of ours.
tool() {
    [ -x "$tools/bin/$1" ] || cargo install --locked --root "$tools" --version "$2" "$1"
}

compile() {
    local flags="--remap-path-prefix=$project=/build/sidegate"
    flags+=" --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/build/cargo"
    RUSTFLAGS=$flags cargo build --release --locked --bins
    # The generator needs no speed; and C compilers would be called again for a date.
    env -u SOURCE_DATE_EPOCH cargo run --quiet --locked --example manual -- "$out/manual"
}

# put MODE SOURCE... FOLDER
put() {
    local mode=$1
    shift
    install -D -m "$mode" -t "$stage/${!#}" "${@:1:$#-1}"
}

gather() {
    local built=${CARGO_TARGET_DIR:-$project/target}/release page file
    rm -rf "$stage"
    put 0755 "$built/sidegated" usr/sbin
    put 0755 "$built/sidegate" usr/bin
    strip --strip-unneeded "$stage/usr/sbin/sidegated" "$stage/usr/bin/sidegate"
    put 0644 packaging/systemd/*.service packaging/systemd/*.socket usr/lib/systemd/system
    install -D -m 0644 packaging/systemd/sidegate.sysusers "$stage/usr/lib/sysusers.d/sidegate.conf"
    for file in packaging/systemd/*.tmpfiles; do
        install -D -m 0644 "$file" "$stage/usr/lib/tmpfiles.d/$(basename "$file" .tmpfiles).conf"
    done
    install -D -m 0644 conf/sidegate/front.toml "$stage/etc/sidegate/sidegate.toml"
    # Here Dovecot's files look for each other.
    put 0644 conf/dovecot/sidegate.lua etc/sidegate/dovecot
    put 0755 conf/dovecot/take-over.sh etc/sidegate/dovecot
    put 0644 conf/dovecot/2.3/* etc/sidegate/dovecot/2.3
    put 0644 conf/dovecot/2.4/* etc/sidegate/dovecot/2.4
    put 0644 conf/README.md conf/sidegate.toml conf/openapi.json usr/share/doc/sidegate/examples
    put 0644 conf/sidegate/* usr/share/doc/sidegate/examples/sidegate
    put 0644 conf/postfix/*.cf usr/share/doc/sidegate/examples/postfix
    put 0644 conf/postfix/sasl/* usr/share/doc/sidegate/examples/postfix/sasl
    put 0644 conf/nginx/* usr/share/doc/sidegate/examples/nginx
    put 0644 packaging/systemd/notices.conf usr/share/doc/sidegate/examples/systemd
    put 0644 README.md usr/share/doc/sidegate
    install -D -m 0644 CHANGELOG.md "$stage/usr/share/doc/sidegate/changelog"
    for page in "$out"/manual/*.[578]; do
        put 0644 "$page" "usr/share/man/man${page##*.}"
    done
    find "$stage/usr/share/man" -type f -exec gzip -9n {} +
    gzip -9n "$stage/usr/share/doc/sidegate/changelog"
    for file in sidegate sidegated; do
        install -D -m 0644 "$out/manual/$file.bash" "$stage/usr/share/bash-completion/completions/$file"
        put 0644 "$out/manual/$file.fish" usr/share/fish/vendor_completions.d
        put 0644 "$out/manual/_$file" usr/share/zsh/vendor-completions
    done
    find "$stage" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
}

# pack KIND FOLDER
pack() {
    rm -rf "$2"
    mkdir -p "$2"
    case $1 in
        deb) PATH=$tools/bin:$PATH cargo deb --quiet --no-build --no-strip --deb-revision 1 --output "$2/" ;;
        rpm)
            # No --auto-req: it asks for what the building machine has.
            PATH=$tools/bin:$PATH cargo generate-rpm --source-date "$SOURCE_DATE_EPOCH" --payload-compress zstd \
                --auto-req builtin --output "$2/"
            ;;
    esac
}

compile
gather
for kind in "${kinds[@]}"; do
    case $kind in
        deb) tool cargo-deb "$cargo_deb" ;;
        rpm) tool cargo-generate-rpm "$cargo_generate_rpm" ;;
    esac
    pack "$kind" "$out/once"
    pack "$kind" "$out/again"
    for file in "$out"/once/*; do
        cmp "$file" "$out/again/$(basename "$file")" || die "not the same twice: $(basename "$file")"
        mv "$file" "$out/"
        sha256sum "$out/$(basename "$file")"
    done
done
rm -rf "$out/once" "$out/again"
