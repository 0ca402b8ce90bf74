// Somebody with a browser: what a person does on the portal's pages, and what must hold on each of them.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { setTimeout as pause } from "node:timers/promises";

const { chromium } = createRequire(import.meta.url)("playwright-core");

/// The narrowest window that is looked at: a small phone.
const WIDTH = 320;
/// How long a page may take.
const PATIENCE = 20_000;

/// What the pages say, by the names of the texts.
const texts = new Map();
const text = (language, name) => {
  if (!texts.has(language)) {
    const file = new URL(`../../src/portal/pages/text/${language}.ftl`, import.meta.url);
    texts.set(language, new Map(readFileSync(file, "utf8").split("\n").map((line) => line.split(/ = (.*)/))));
  }
  const found = texts.get(language).get(name);
  assert.ok(found, `${language} has no ${name} in one line`);
  return found;
};

/// Matches a text, whatever stands at its places; `values` are what stands there.
const pattern = (language, name, values) => {
  const filled = text(language, name).replace(/\{ \$(\w+) \}/g, (place, name) => values[name] ?? place);
  const parts = filled.split(/\{ \$\w+ \}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(parts.join(".*"));
};

/// Without the marks that keep a name's direction to itself.
const unmarked = (text) => text.replace(/[\u2066-\u2069]/g, "");

/// The browser that everybody uses, each in a profile of their own.
export const startBrowser = (executablePath) =>
  chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });

/// An authenticator app (RFC 6238). A code is good once, and one step early or late: so three can be used at once.
export class App {
  #key;
  #last = 0;

  constructor(base32) {
    const bits = [...base32].map((letter) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0"));
    this.#key = Buffer.from(bits.join("").match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  }

  async code() {
    for (;;) {
      const now = Date.now() / 30_000;
      // A step that is about to leave the window may have left it when the code arrives.
      const step = Math.max(this.#last + 1, Math.floor(now - 0.6));
      if (step <= Math.floor(now) + 1) {
        this.#last = step;
        return this.#at(step);
      }
      await pause(200);
    }
  }

  #at(step) {
    const counter = Buffer.alloc(8);
    counter.writeBigUInt64BE(BigInt(step));
    const mac = createHmac("sha1", this.#key).update(counter).digest();
    const number = mac.readUInt32BE(mac[19] & 15) & 0x7fffffff;
    return String(number % 1_000_000).padStart(6, "0");
  }
}

/// Somebody in front of a window.
export class Person {
  /// What went wrong on the pages, without ending the story: each is told at its end.
  static failures = [];
  static all = [];

  static async sitDown(browser, { url, account, password, from, language = "en", javaScriptEnabled = true, width = WIDTH }) {
    const context = await browser.newContext({
      baseURL: url,
      viewport: { width, height: 700 },
      locale: language,
      javaScriptEnabled,
      // The portal takes the word of 127.0.0.1 for where browsers are.
      extraHTTPHeaders: { "X-Forwarded-For": from },
      permissions: ["clipboard-read", "clipboard-write"],
    });
    context.setDefaultTimeout(PATIENCE);
    const person = new Person();
    Object.assign(person, { context, url, account, password, language, page: await context.newPage() });
    person.#watch();
    Person.all.push(person);
    return person;
  }

  #watch() {
    const tell = (what) => Person.failures.push(`${this.account} at ${this.page.url()}: ${what}`);
    this.page.on("console", (message) => {
      // A form with a mistake in it is answered with 422: no fault of the page.
      if (message.text().includes("status of 422 ") && message.location().url.startsWith(this.url)) return;
      // What breaks the policy is told on the console.
      if (["error", "warning"].includes(message.type())) tell(message.text());
    });
    this.page.on("pageerror", (error) => tell(String(error)));
    this.page.on("requestfailed", (request) => {
      if (!/ERR_ABORTED/.test(request.failure()?.errorText ?? "")) tell(`${request.url()}: ${request.failure()?.errorText}`);
    });
  }

  /// What is to be seen, for somebody who looks for a mistake.
  async describe() {
    return `--- ${this.account} at ${this.page.url()}\n${await this.text("body")}`;
  }

  get path() {
    return new URL(this.page.url()).pathname;
  }

  /// What must hold on every page of ours.
  async #look() {
    if (!this.page.url().startsWith(this.url)) return;
    const { over, language, epoch } = await this.page.evaluate(() => ({
      over: document.documentElement.scrollWidth - innerWidth,
      language: document.documentElement.lang,
      epoch: document.body.innerText.includes("1970"),
    }));
    if (epoch) Person.failures.push(`${this.account} at ${this.page.url()}: a date that was never set`);
    if (over > 0) Person.failures.push(`${this.account} at ${this.page.url()}: ${over} px too wide`);
    assert.equal(language, this.language, `the language of ${this.path}`);
  }

  async go(path) {
    await this.page.goto(path);
    await this.#look();
  }

  /// Presses what leads to another page.
  async press(selector) {
    await Promise.all([this.page.waitForNavigation({ timeout: PATIENCE }), this.page.click(selector)]);
    await this.#look();
  }

  async fill(fields) {
    for (const [name, value] of Object.entries(fields)) await this.page.fill(`main [name=${name}]`, value);
  }

  /// Taps on something twice, so long apart. Not by what else drives the pages here: that waits for the answer to the first.
  async tapTwice(selector, apart) {
    const found = this.page.locator(selector).first();
    await found.scrollIntoViewIfNeeded();
    const { x, y, width, height } = await found.boundingBox();
    const tools = await this.context.newCDPSession(this.page);
    const at = { x: x + width / 2, y: y + height / 2, button: "left", clickCount: 1 };
    const tap = () => Promise.all(["mousePressed", "mouseReleased"].map((type) => tools.send("Input.dispatchMouseEvent", { type, ...at })));
    // The page itself takes it down: nobody else is answered while the browser waits.
    await this.page.evaluate((selector) => {
      addEventListener("mousedown", () => sessionStorage.setItem("between", document.querySelector(selector).textContent), true);
    }, selector);
    await tap();
    await pause(apart);
    await tap();
  }

  /// Whether this was to be read on the button as it was tapped the second time.
  async said(name) {
    const between = await this.page.evaluate(() => sessionStorage.getItem("between"));
    assert.match(between, pattern(this.language, name, {}));
  }

  /// Waits until the browser has come there, whatever it was on the way to before.
  async comesTo(path) {
    for (const end = Date.now() + PATIENCE; this.path !== path && Date.now() < end; ) await pause(50);
    this.at(path);
    await this.page.waitForLoadState();
    await this.#look();
  }

  /// Fills the form of the page in, and sends it.
  async send(fields, button = "main form button.primary") {
    await this.fill(fields);
    await this.press(button);
  }

  /// Where the browser has come to.
  at(path, why = "") {
    assert.equal(this.path, path, `${this.account} should be at ${path}. ${why}`);
  }

  text(selector = "main") {
    return this.page.innerText(selector);
  }

  /// The page has a text of ours, with these values in it; or these very words.
  async says(name, values = {}) {
    assert.match(unmarked(await this.text()), pattern(this.language, name, values), this.path);
  }

  /// A text of ours without places.
  words(name) {
    return text(this.language, name);
  }

  async shows(words) {
    assert.ok((await this.text()).includes(words), `${this.path} should show ${words}:\n${await this.text()}`);
  }

  /// A complaint about what was typed.
  async isTold(name) {
    assert.match(unmarked(await this.text("[role=alert]")), pattern(this.language, name, {}), this.path);
  }

  async speak(language) {
    this.language = language;
    await this.press(`footer button[value=${language}]`);
  }

  /// With the main password, up to a second factor if one is asked for.
  async begin(password = this.password) {
    await this.go("/sign-in");
    await this.send({ address: this.account, password });
  }

  async signOut() {
    await this.press("header form button");
    this.at("/sign-in");
  }

  /// Signs out, and in again up to a second factor.
  async beginAgain() {
    await this.signOut();
    await this.begin();
  }

  /// Chooses this factor where a second one is asked for.
  async choose(id) {
    const other = `main form[action="/sign-in/factor"] button[value="${id}"]`;
    if (!(await this.page.$(other)) && this.path !== "/sign-in/factor") return;
    await this.press(other);
  }

  /// The numbers of the bound factors, as the page of them has them.
  async factors() {
    await this.go("/factors");
    const links = await this.page.$$eval('a[href$="/change"]', (links) => links.map((link) => link.getAttribute("href")));
    return links.map((link) => link.split("/")[2]);
  }

  /// Binds something as one more, by what `prove` does on its page, and says which number it has.
  async bind(kind, prove) {
    const before = await this.factors();
    await this.press(`a[href="/factors/new/${kind}"]`);
    this.at(`/factors/new/${kind}`);
    await prove(this);
    const after = await this.factors();
    const added = after.filter((id) => !before.includes(id));
    assert.equal(added.length, 1, `one ${kind} more`);
    return added[0];
  }

  /// Binds an authenticator app on its page.
  async bindApp() {
    const key = (await this.page.textContent("code.secret")).replaceAll(" ", "");
    const app = new App(key);
    await this.send({ code: await app.code() });
    return { app, key };
  }

  async change(id, prove) {
    await this.go(`/factors/${id}/change`);
    this.at(`/factors/${id}/change`);
    await prove(this);
    this.at("/factors", `${id} is changed.`);
    assert.ok((await this.factors()).includes(id));
  }

  /// Unbinds a factor; `prove` is for one that was not proved last.
  async remove(id, prove) {
    const page = `/factors/${id}/remove`;
    await this.go(page);
    await this.press("main button.danger");
    if (prove) {
      this.at("/confirm");
      await prove(this);
      this.at(page);
      await this.press("main button.danger");
    }
    this.at("/factors", `${id} is removed.`);
    assert.ok(!(await this.factors()).includes(id));
  }

  /// A device of its own that holds passkeys. The one before is lost.
  async newAuthenticator() {
    if (!this.tools) {
      this.tools = await this.context.newCDPSession(this.page);
      await this.tools.send("WebAuthn.enable");
    }
    if (this.device) await this.tools.send("WebAuthn.removeVirtualAuthenticator", { authenticatorId: this.device });
    const options = {
      protocol: "ctap2",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    };
    const { authenticatorId } = await this.tools.send("WebAuthn.addVirtualAuthenticator", { options });
    this.device = authenticatorId;
  }

  /// One more device, which holds passkeys as well.
  async anotherAuthenticator() {
    const options = { protocol: "ctap2", transport: "usb", hasResidentKey: true, hasUserVerification: true, isUserVerified: true };
    const { authenticatorId } = await this.tools.send("WebAuthn.addVirtualAuthenticator", { options });
    this.others = [...(this.others ?? []), authenticatorId];
    return authenticatorId;
  }

  /// Of all those devices, this one is touched.
  async hasAtHand(device) {
    for (const authenticatorId of [this.device, ...(this.others ?? [])]) {
      await this.tools.send("WebAuthn.setAutomaticPresenceSimulation", { authenticatorId, enabled: authenticatorId === device });
    }
  }

  /// One of the other devices is gone.
  async loses(authenticatorId) {
    await this.tools.send("WebAuthn.removeVirtualAuthenticator", { authenticatorId });
    this.others = this.others.filter((other) => other !== authenticatorId);
  }

  /// Makes a client password, and says it.
  async makePassword(name) {
    if (this.path !== "/passwords/new") await this.go("/passwords/new");
    await this.send({ name });
    const spaced = (await this.text("#secret")).trim();
    const password = spaced.replace(/\s/g, "");
    assert.match(password, /^[A-Za-z0-9]{16}$/);
    assert.notEqual(spaced, password, "it stands in groups");
    return password;
  }
}
