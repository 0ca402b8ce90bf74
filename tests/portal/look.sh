#!/bin/sh
# Looks at every page of the portal in a real browser; see look.mjs. Needs node, npm, network for the first run, and apt.
#
#   tests/portal/look.sh [NAME...]
#
# Browser, fonts, playwright-core and axe-core go into a folder below the target directory; nothing is installed.
# The pictures are in look/pictures there.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
look=${CARGO_TARGET_DIR:-$here/../../target}/look
root=$look/root
mkdir -p "$look/debs/partial" "$root"

if [ ! -x "$root/usr/lib/chromium/chromium" ]; then
    apt-get -o Dir::Cache::archives="$look/debs" --no-install-recommends --download-only -y install chromium fonts-noto-cjk
    for package in "$look"/debs/*.deb; do dpkg -x "$package" "$root"; done
fi
[ -d "$look/node_modules/axe-core" ] || npm install --prefix "$look" --no-audit --no-fund playwright-core axe-core

rm -rf "$look/gallery" "$look/pictures"
(cd "$here/../.." && SIDEGATE_GALLERY=$look/gallery cargo test --quiet --lib portal::pages::tests::the_gallery)

cat > "$look/fonts.conf" <<FONTS
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>$root/usr/share/fonts</dir>
  <dir>/usr/share/fonts</dir>
  <cachedir>$look/fonts</cachedir>
  <alias><family>sans-serif</family><prefer><family>DejaVu Sans</family><family>Noto Sans CJK SC</family></prefer></alias>
  <alias><family>system-ui</family><prefer><family>DejaVu Sans</family><family>Noto Sans CJK SC</family></prefer></alias>
</fontconfig>
FONTS
libraries=$(find "$root" -name '*.so*' -exec dirname {} + | sort -u | paste -sd:)
export FONTCONFIG_FILE="$look/fonts.conf" LD_LIBRARY_PATH="$libraries"
# A module is looked for beside the file that wants it.
cp "$here/look.mjs" "$look/look.mjs"
node "$look/look.mjs" "$look/gallery" "$root/usr/lib/chromium/chromium" "$look/pictures" "$@"
