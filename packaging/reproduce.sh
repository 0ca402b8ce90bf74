#!/usr/bin/env bash
# Builds both packages twice from nothing, in different folders and under different circumstances, and compares them byte by
# byte. What is in the work tree is built, and what git does not know of is not.
#
#   packaging/reproduce.sh [--tools DIR] [FOLDER]
#
# FOLDER (a temporary one) needs some gigabytes and is emptied. If all is equal, the packages are in target/packages.
set -euo pipefail

project=$(cd "$(dirname "$0")/.." && pwd)
cd "$project"
tools=$project/target/packages/tools
if [ "${1:-}" = --tools ]; then
    tools=$(realpath -m "${2:?--tools needs a folder}")
    shift 2
fi
folder=$(realpath -m "${1:-$(mktemp -d /var/tmp/sidegate-reproduce.XXXXXX)}")
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH

# Once, for somebody may go on working here.
rm -rf "$folder"
mkdir -p "$folder"
git ls-files -z | while IFS= read -r -d '' file; do
    [ ! -e "$file" ] || printf '%s\0' "$file"
done | tar --create --null --files-from=- --file="$folder/source.tar"

# build PLACE VARIABLE=VALUE...: a copy of the source, and everything made of it.
build() {
    local place=$1
    shift
    mkdir -p "$place"
    tar --extract --touch --file="$folder/source.tar" -C "$place"
    env "$@" "$place/packaging/build.sh" --tools "$tools"
}

# Folder, name of the target folder, umask, language, time zone and number of jobs differ.
(umask 022 && build "$folder/one" LANG=C.UTF-8 TZ=UTC CARGO_TARGET_DIR="$folder/one/target")
(umask 077 && build "$folder/another/deeper" LANG=zh_CN.UTF-8 TZ=Asia/Shanghai \
    CARGO_TARGET_DIR="$folder/built-elsewhere" CARGO_BUILD_JOBS=1)

# unpack PACKAGE FOLDER: its control part and its files.
unpack() {
    mkdir -p "$2"
    case $1 in
        *.deb) dpkg-deb -R "$1" "$2" ;;
        *.rpm)
            rpm --query --package --info --list --verbose --requires --recommends --scripts "$1" >"$2/header"
            # rpm2cpio 4.18 calls it a failure whatever it does.
            (cd "$2" && { rpm2cpio "$1" || true; } | cpio --extract --make-directories --quiet --no-absolute-filenames)
            ;;
    esac
}

differ=false
for package in "$folder"/one/target/packages/*.{deb,rpm}; do
    name=${package##*/}
    again=$folder/another/deeper/target/packages/$name
    if cmp "$package" "$again"; then
        printf 'equal  %s  %s\n' "$(sha256sum <"$package" | cut -c1-64)" "$name"
    else
        differ=true
        unpack "$package" "$folder/unpacked/one/$name"
        unpack "$again" "$folder/unpacked/another/$name"
        diff -rq "$folder/unpacked/one/$name" "$folder/unpacked/another/$name" || true
    fi
done
if $differ; then
    printf 'reproduce.sh: not equal; see %s\n' "$folder" >&2
    exit 1
fi
mkdir -p target/packages
rm -rf target/packages/{bin,manual,stage,*.deb,*.rpm}
cp -a "$folder"/one/target/packages/{bin,manual,stage,*.deb,*.rpm} target/packages/
rm -rf "$folder"
