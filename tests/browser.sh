#!/usr/bin/env bash
# Brings a browser, and what drives it: Debian's Chromium with Chinese fonts, installed; playwright-core and axe-core, as
# tests/portal/package-lock.json names them, in a folder of their own. tests/portal and the story of the portal in
# tests/real use them.
#
#   tests/browser.sh           installs what is missing; without root only into the folder
#   tests/browser.sh --look    installs nothing: is everything there?
#   tests/browser.sh --folder  says where the folder is
#
# The folder is /var/cache/sidegate-tests/browser, or "browser" in $SIDEGATE_TEST_CACHE; without root, target/browser.
set -euo pipefail

project=$(cd "$(dirname "$0")/.." && pwd)
. "$project/examples/lib.sh"

if [ -n "${SIDEGATE_TEST_CACHE:-}" ] || [ "$(id -u)" = 0 ]; then
    folder=${SIDEGATE_TEST_CACHE:-/var/cache/sidegate-tests}/browser
else
    folder=${CARGO_TARGET_DIR:-$project/target}/browser
fi
list=$project/tests/portal/package-lock.json

# The list comes last, so that only a whole folder has it.
whole() {
    cmp -s "$list" "$folder/package-lock.json" && [ -d "$folder/node_modules/playwright-core" ]
}

missing() {
    local program
    for program in chromium node; do
        command -v $program >/dev/null || { echo "$program is missing"; return; }
    done
    whole || echo "playwright-core and axe-core are not in $folder"
}

case ${1:-} in
    --folder)
        echo "$folder"
        exit
        ;;
    --look)
        why=$(missing)
        [ -z "$why" ] || die "$why; tests/browser.sh brings it."
        exit 0
        ;;
esac

if [ "$(id -u)" = 0 ]; then
    # Where node comes from elsewhere, npm comes with it, and Debian's may not stand beside it.
    command -v node >/dev/null || need_packages nodejs
    command -v npm >/dev/null || need_packages npm
    # shellcheck disable=SC2086
    need_packages $BROWSER_PACKAGES
fi
command -v npm >/dev/null || die "npm is missing."
mkdir -p "$folder"
# Of two that come at once one fetches and one waits.
exec 9>"$folder.lock"
flock 9
if ! whole; then
    echo "playwright-core and axe-core, from npm, into $folder"
    rm -rf "$folder/new"
    mkdir "$folder/new"
    cp "$project/tests/portal/package.json" "$list" "$folder/new/"
    npm ci --prefix "$folder/new" --ignore-scripts --no-audit --no-fund --loglevel=error
    rm -rf "$folder/node_modules"
    mv "$folder/new/node_modules" "$folder/"
    cp "$list" "$folder/"
    rm -rf "$folder/new"
fi
why=$(missing)
[ -z "$why" ] || die "$why."
