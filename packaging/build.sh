#!/usr/bin/env bash
# Makes target/packages/sidegate_*.deb and sidegate-*.rpm.
#
#   packaging/build.sh               both
#   packaging/build.sh deb|rpm       one of them
#   packaging/build.sh --tools DIR   where cargo-deb and cargo-generate-rpm are, or are put (target/packages/tools)
#
# What goes in depends on the source, the toolchain, the C library and SOURCE_DATE_EPOCH (the last commit's time if not
# given), not on the machine, the folder or the day: packaging/reproduce.sh compares two whole builds. CARGO_BUILD_JOBS=1
# spares a machine that has other work.
set -euo pipefail
umask 022

project=$(cd "$(dirname "$0")/.." && pwd)
cd "$project"
out=$project/target/packages
built=$(realpath -m "${CARGO_TARGET_DIR:-target}")
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
            tools=$(realpath -m "$2")
            shift
            ;;
        deb | rpm) kinds+=("$1") ;;
        *) die "unknown: $1" ;;
    esac
    shift
done
[ ${#kinds[@]} -gt 0 ] || kinds=(deb rpm)

SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
export LC_ALL=C TZ=UTC

# tool NAME VERSION: only if it is missing; into a folder of ours.
tool() {
    [ -x "$tools/bin/$1" ] || cargo install --locked --root "$tools" --version "$2" "$1"
}

compile() {
    local cargo=${CARGO_HOME:-$HOME/.cargo} flags program
    flags="--remap-path-prefix=$project=/build/sidegate --remap-path-prefix=$cargo=/build/cargo"
    flags+=" --remap-path-prefix=$built=/build/target"
    export RUSTFLAGS=$flags
    cargo build --release --locked --bins
    # In a run of its own: what only examples and tests ask of a dependency is not in the programs.
    rm -rf "$out/manual"
    cargo run --quiet --release --locked --example manual -- "$out/manual"
    for program in sidegated sidegate sidegate-portal; do
        install -D -m 0755 -t "$out/bin" "$built/release/$program"
        strip --strip-unneeded "$out/bin/$program"
        for folder in "$project" "$built" "$cargo"; do
            if grep -qaF "$folder/" "$out/bin/$program"; then die "$program names $folder"; fi
        done
    done
}

# pack KIND FOLDER
pack() {
    rm -rf "$2"
    mkdir -p "$2"
    case $1 in
        deb) PATH=$tools/bin:$PATH cargo deb --quiet --no-build --no-strip --deb-revision 1 --output "$2/" ;;
        rpm)
            # Not rpm's own search for libraries, which is there on some machines and not on others.
            PATH=$tools/bin:$PATH cargo generate-rpm --source-date "$SOURCE_DATE_EPOCH" --payload-compress zstd \
                --auto-req builtin --output "$2/"
            ;;
    esac
}

compile
packaging/gather.sh "$out/bin" "$out/manual" "$out/stage"
for kind in "${kinds[@]}"; do
    case $kind in
        deb) tool cargo-deb "$cargo_deb" ;;
        rpm) tool cargo-generate-rpm "$cargo_generate_rpm" ;;
    esac
    pack "$kind" "$out/new"
    for file in "$out"/new/*; do
        mv "$file" "$out/"
        (cd "$out" && sha256sum "${file##*/}")
    done
done
rm -rf "$out/new"
printf 'needs glibc %s or newer\n' \
    "$(objdump -T "$out"/bin/* | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -n 1 | cut -d_ -f2)"
