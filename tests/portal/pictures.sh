#!/usr/bin/env bash
# Takes the pictures of the guide for people, conf/guide/pictures, anew from the portal's pages with sample data; see
# pictures.mjs. tests/browser.sh brings the browser. To be run when a page that is shown there looks different.
#
#   tests/portal/pictures.sh
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../.." && pwd)
. "$project/examples/lib.sh"
work=${CARGO_TARGET_DIR:-$project/target}/pictures
pictures=$project/conf/guide/pictures

"$project/tests/browser.sh"
need_packages pngquant
rm -rf "$work"
mkdir -p "$work/taken"
(cd "$project" && SIDEGATE_GALLERY=$work/gallery run_cargo_here test --quiet --lib portal::pages::tests::the_gallery) >"$work/log" 2>&1 ||
    die "$(cat "$work/log")"
# A module is looked for beside the file that wants it.
cp "$here/pictures.mjs" "$work/pictures.mjs"
ln -s "$("$project/tests/browser.sh" --folder)/node_modules" "$work/node_modules"
node "$work/pictures.mjs" "$work/gallery" "$(command -v chromium)" "$work/taken"
# Pages have few colours.
mkdir -p "$pictures"
rm -f "$pictures"/*.png
for picture in "$work"/taken/*.png; do
    pngquant --nofs --strip --speed 1 --output "$pictures/${picture##*/}" 48 "$picture"
done
du -ch --apparent-size "$pictures"/*.png
