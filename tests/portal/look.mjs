// Looks at every page of the portal as a person does: in both languages, narrow and wide, light and dark. Fails when
// axe finds something serious, when a page is wider than its window, or when the script or the policy that forbids
// everything inline breaks a page. See look.sh, which prepares all it needs.
//
//   node look.mjs GALLERY CHROMIUM PICTURES [NAME...]
import { readFileSync, readdirSync, mkdirSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { extname, join, normalize } from "node:path";

const require = createRequire(import.meta.url);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const [gallery, executablePath, pictures, ...names] = process.argv.slice(2);
const types = { ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript" };
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; form-action 'self'; base-uri 'none'";

const server = createServer((request, response) => {
  try {
    const path = normalize(new URL(request.url, "http://here").pathname);
    const body = readFileSync(join(gallery, path));
    response.writeHead(200, { "Content-Type": types[extname(path)], "Content-Security-Policy": policy });
    response.end(body);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const origin = `http://127.0.0.1:${server.address().port}`;

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
const failures = [];
let looked = 0;
for (const language of ["en", "zh-CN"]) {
  const folder = readdirSync(join(gallery, language)).map((file) => file.replace(".html", ""));
  // The pages of single words look alike; axe has seen one of each.
  const chosen = folder.filter((name) => (names.length ? names.includes(name) : !/^(said|problem)-[1-9]/.test(name)));
  for (const width of [320, 1280]) {
    for (const colorScheme of ["light", "dark"]) {
      // What breaks the policy is told on the console.
      const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme });
      const page = await context.newPage();
      const where = () => `${language} ${width} ${colorScheme} ${page.url().split("/").pop()}`;
      page.on("console", (message) => {
        if (["error", "warning"].includes(message.type())) failures.push(`${where()}: ${message.text()}`);
      });
      page.on("pageerror", (error) => failures.push(`${where()}: ${error}`));
      for (const name of chosen) {
        await page.goto(`${origin}/${language}/${name}.html`);
        await page.evaluate(() => document.querySelectorAll("details").forEach((part) => (part.open = true)));
        const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        if (over > 0) failures.push(`${where()}: ${over} px too wide`);
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => axe.run({ resultTypes: ["violations"] }));
        for (const { id, impact, nodes } of violations) {
          const text = `${where()}: ${id} (${impact}): ${nodes[0].html.slice(0, 150)}`;
          if (["serious", "critical"].includes(impact)) failures.push(text);
          else console.log(text);
        }
        looked += 1;
        if (pictures) {
          mkdirSync(pictures, { recursive: true });
          await page.screenshot({ path: join(pictures, `${name}-${language}-${width}-${colorScheme}.png`), fullPage: true });
        }
      }
      await context.close();
    }
  }
}
await browser.close();
server.close();
for (const failure of failures) console.error(failure);
console.log(`${looked} looks, ${failures.length} failures`);
if (looked === 0 || failures.length) process.exit(1);
