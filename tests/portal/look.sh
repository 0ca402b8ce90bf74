#!/usr/bin/env bash
# Looks at every page of the portal in a real browser; see look.mjs. tests/browser.sh brings what it needs.
#
#   tests/portal/look.sh [NAME...]
#
# With SIDEGATE_PICTURES=1 each page is taken in both languages, narrow and wide, light and dark, into
# target/look/pictures.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../.." && pwd)
. "$project/examples/lib.sh"
look=${CARGO_TARGET_DIR:-$project/target}/look

"$project/tests/browser.sh" --look
rm -rf "$look"
mkdir -p "$look"
(cd "$project" && SIDEGATE_GALLERY=$look/gallery run_cargo_here test --quiet --lib portal::pages::tests::the_gallery) >"$look/log" 2>&1 ||
    die "$(cat "$look/log")"
# A module is looked for beside the file that wants it.
cp "$here/look.mjs" "$here/layout.mjs" "$look/"
ln -s "$("$project/tests/browser.sh" --folder)/node_modules" "$look/node_modules"
pictures=
[ -z "${SIDEGATE_PICTURES:-}" ] || pictures=$look/pictures
node "$look/look.mjs" "$look/gallery" "$(command -v chromium)" "$pictures" "$@"
