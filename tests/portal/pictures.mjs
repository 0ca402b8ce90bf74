// Takes the pictures of the guide for people: some pages of the gallery, in both languages, on white.
//
//   node pictures.mjs GALLERY CHROMIUM PICTURES
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { extname, join, normalize } from "node:path";

const { chromium } = createRequire(import.meta.url)("playwright-core");
const [gallery, executablePath, pictures] = process.argv.slice(2);

// The name of the picture, the page of the gallery, and how wide the window is.
const wanted = [
  ["sign-in", "sign-in", 480],
  ["totp", "new-totp", 480],
  ["recovery-codes", "new-recovery-codes", 480],
  ["new-password", "shown-password", 480],
  ["passwords", "passwords", 760],
  ["devices", "devices", 760],
  ["block", "block", 480],
];
const types = { ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript", ".svg": "image/svg+xml" };

const server = createServer((request, response) => {
  try {
    const path = normalize(new URL(request.url, "http://here").pathname);
    const body = readFileSync(join(gallery, path));
    response.writeHead(200, { "Content-Type": types[extname(path)] });
    response.end(body);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const origin = `http://127.0.0.1:${server.address().port}`;

// One shade of grey for the edge of each letter instead of three colours: smaller.
const args = ["--no-sandbox", "--disable-gpu", "--disable-lcd-text"];
const browser = await chromium.launch({ executablePath, args });
for (const language of ["en", "zh-CN"]) {
  for (const [name, shown, width] of wanted) {
    const page = await browser.newPage({ viewport: { width, height: 200 }, colorScheme: "light" });
    await page.goto(`${origin}/${language}/${shown}.html`);
    // The sample person is an administrator; readers are not.
    await page.evaluate(() => document.querySelectorAll('nav a[href="/admin"]').forEach((link) => link.parentElement.remove()));
    await page.screenshot({ path: join(pictures, `${name}.${language}.png`), fullPage: true });
    await page.close();
  }
}
await browser.close();
server.close();
