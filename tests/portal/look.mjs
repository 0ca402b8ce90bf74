// Looks at every page of the portal as a person does. Fails when axe finds something serious, when a page is wider than
// its window, or when the script or the policy that forbids everything inline breaks a page. See look.sh, which prepares
// all it needs.
//
//   node look.mjs GALLERY CHROMIUM PICTURES [NAME...]
//
// PICTURES is a folder for pictures of everything, or empty.
import { readFileSync, readdirSync, mkdirSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { extname, join, normalize } from "node:path";

import { layout } from "./layout.mjs";

const require = createRequire(import.meta.url);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const [gallery, executablePath, pictures, ...names] = process.argv.slice(2);
const types = { ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript", ".svg": "image/svg+xml" };
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'";

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
// How each page is looked at. Words and widths differ by language, colours do not: axe sees each page in both languages
// on a phone, and its colours once more in the dark.
const everything = { resultTypes: ["violations"] };
const colours = { ...everything, runOnly: ["color-contrast"] };
const views = [
  { language: "en", width: 320, colorScheme: "light", axe: everything },
  { language: "en", width: 1280, colorScheme: "dark", axe: colours },
  { language: "zh-CN", width: 320, colorScheme: "light", axe: everything },
  { language: "zh-CN", width: 1280, colorScheme: "light" },
];
if (pictures) {
  mkdirSync(pictures, { recursive: true });
  for (const language of ["en", "zh-CN"]) {
    for (const width of [320, 1280]) {
      for (const colorScheme of ["light", "dark"]) {
        const seen = views.some((view) => view.language === language && view.width === width && view.colorScheme === colorScheme);
        if (!seen) views.push({ language, width, colorScheme });
      }
    }
  }
}

let looked = 0;
const look = async ({ language, width, colorScheme, axe: rules }) => {
  const folder = readdirSync(join(gallery, language)).map((file) => file.replace(".html", ""));
  // The pages of single words look alike; axe has seen one of each.
  const chosen = folder.filter((name) => (names.length ? names.includes(name) : !/^(said|problem)-[1-9]/.test(name)));
  const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme });
  const page = await context.newPage();
  const where = () => `${language} ${width} ${colorScheme} ${page.url().split("/").pop()}`;
  // What breaks the policy is told on the console.
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) failures.push(`${where()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => failures.push(`${where()}: ${error}`));
  for (const name of chosen) {
    await page.goto(`${origin}/${language}/${name}.html`);
    await page.evaluate(() => document.querySelectorAll("details").forEach((part) => (part.open = true)));
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (over > 0) failures.push(`${where()}: ${over} px too wide`);
    if (rules) {
      await page.evaluate(axe);
      const { violations } = await page.evaluate((rules) => axe.run(rules), rules);
      for (const { id, impact, nodes } of violations) {
        const text = `${where()}: ${id} (${impact}): ${nodes[0].html.slice(0, 150)}`;
        if (["serious", "critical"].includes(impact)) failures.push(text);
        else console.log(text);
      }
    }
    looked += 1;
    if (pictures) await page.screenshot({ path: join(pictures, `${name}-${language}-${width}-${colorScheme}.png`), fullPage: true });
  }
  await context.close();
};
// Two at once: the browser draws one while axe thinks about the other.
await Promise.all([0, 1].map(async (lane) => {
  for (const view of views.filter((_, n) => n % 2 === lane)) await look(view);
}));

// What the script does, with a browser that has an authenticator.
const expect = (good, what) => good || failures.push(what);
if (!names.length) await layout(browser, origin, expect);
const context = await browser.newContext({ permissions: ["clipboard-read", "clipboard-write"] });
const page = await context.newPage();
const here = origin.replace("127.0.0.1", "localhost");
const tools = await context.newCDPSession(page);
await tools.send("WebAuthn.enable");
await tools.send("WebAuthn.addVirtualAuthenticator", {
  options: { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true,
    automaticPresenceSimulation: true },
});
// No server is there to answer what is posted.
await page.route(/^[^.]*$/, (route) => route.fulfill({ status: 204 }));
const ceremony = async (name, options) => {
  await page.goto(`${here}/en/${name}.html`);
  await page.evaluate((options) => (document.querySelector("[data-passkey]").dataset.options = options), JSON.stringify(options));
  const asked = page.waitForRequest((request) => request.method() === "POST");
  await page.click("[data-passkey] .primary");
  return JSON.parse(new URLSearchParams((await asked).postData()).get("credential"));
};
const made = await ceremony("new-passkey", {
  publicKey: {
    challenge: "AAECAw", rp: { id: "localhost", name: "Example" }, user: { id: "AQ", name: "ann", displayName: "Ann" },
    pubKeyCredParams: [{ type: "public-key", alg: -7 }], authenticatorSelection: { residentKey: "required" },
  },
});
expect(made.rawId && made.response?.attestationObject && made.response?.clientDataJSON, `no passkey: ${JSON.stringify(made)}`);
const used = await ceremony("code-passkey", {
  publicKey: { challenge: "AAECAw", rpId: "localhost", allowCredentials: [{ type: "public-key", id: made.rawId }] },
});
expect(used.rawId === made.rawId && used.response?.signature, `passkey not used: ${JSON.stringify(used)}`);
const refused = await ceremony("code-passkey", {
  publicKey: { challenge: "AAECAw", rpId: "example.org", allowCredentials: [{ type: "public-key", id: made.rawId }] },
});
expect(refused.error === "SecurityError", `a refusal is not told: ${JSON.stringify(refused)}`);

await page.goto(`${here}/en/shown-password.html`);
await page.click("[data-copy]");
expect((await page.evaluate(() => navigator.clipboard.readText())) === "ABCDefgh2345mnpq", "the copy is not the password");

await browser.close();
server.close();
for (const failure of failures) console.error(failure);
console.log(`${looked} looks, ${failures.length} failures`);
if (looked === 0 || failures.length) process.exit(1);
