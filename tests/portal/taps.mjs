// Somebody whose phone is far away from the server and who taps twice; and two accounts that trust one browser.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";

import { secret } from "./ask.mjs";

/// How far away the server is.
const LATENCY = 800;
/// Between two taps of an impatient finger.
const TAPS_APART = 300;
/// A phone in the hand.
const WIDTH = 375;

/// The long way to the server: what it answers arrives late.
class LongWay {
  #posted = [];

  static async of(person) {
    const way = new LongWay();
    person.page.on("request", (request) => {
      if (request.method() === "POST") way.#posted.push(new URL(request.url()).pathname);
    });
    const tools = await person.context.newCDPSession(person.page);
    await tools.send("Network.enable");
    const conditions = { offline: false, latency: LATENCY, downloadThroughput: -1, uploadThroughput: -1 };
    await tools.send("Network.emulateNetworkConditions", conditions);
    return way;
  }

  /// How often a form was sent there since this was asked last.
  sent(path) {
    const count = this.#posted.filter((posted) => posted === path).length;
    this.#posted = [];
    return count;
  }
}

export const impatience = ({ sit, erin, fred, getsIn }) => {
  const apps = new Map();

  const bound = async (person) => {
    await person.begin();
    await person.bind("totp", async () => {
      const { app, key } = await person.bindApp();
      apps.set(person.account, app);
      await secret(person.account, key);
    });
    await person.signOut();
  };

  const twoApps = async () => {
    await bound(erin);
    await bound(fred);
  };

  /// Everything that a phone does to get a client password, each button tapped twice.
  const impatient = async (language, javaScriptEnabled) => {
    const one = await sit(erin.account, { language, javaScriptEnabled, width: WIDTH });
    const way = await LongWay.of(one);
    const times = javaScriptEnabled ? 1 : 2;
    const tapTwice = () => one.tapTwice("main form button.primary", TAPS_APART);
    const isSent = async (path) => {
      if (javaScriptEnabled) await one.said("one-moment");
      assert.equal(way.sent(path), times, `${path} ${language} ${javaScriptEnabled}`);
    };

    await one.go("/sign-in");
    await one.fill({ address: one.account, password: one.password });
    await tapTwice();
    await one.comesTo("/sign-in/code");
    await isSent("/sign-in");
    await one.fill({ code: await apps.get(erin.account).code() });
    await tapTwice();
    await one.comesTo("/");
    await isSent("/sign-in/code");
    await one.go("/passwords/new");
    const name = `${language} ${javaScriptEnabled}`;
    await one.fill({ name });
    await tapTwice();
    await one.page.waitForSelector("#secret", { timeout: 20_000 });
    await isSent("/passwords/new");
    const made = (await one.text("#secret")).replace(/\s/g, "");
    await secret(one.account, made);
    await getsIn("imap", one.account, made);
    await one.go("/passwords");
    const names = await one.page.$$eval("main ul.rows b", (all) => all.map((b) => b.textContent));
    assert.deepEqual(names.filter((one) => one === name), [name], "one password of that name");
    if (javaScriptEnabled) await backFromMemory(one);
    await one.signOut();
  };

  /// A form that was not answered, on a page that comes back from the browser's memory, is as it was.
  const backFromMemory = async (one) => {
    await one.go("/passwords/new");
    const button = "main form button.primary";
    const before = await one.text(button);
    await one.page.route("**/passwords/new", (route) => route.fulfill({ status: 204 }));
    await one.fill({ name: "never" });
    await one.tapTwice(button, TAPS_APART);
    await one.said("one-moment");
    await one.page.evaluate(() => dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })));
    assert.equal(await one.text(button), before);
    assert.equal(await one.page.$("[aria-disabled]"), null);
    await one.page.unroute("**/passwords/new");
  };

  const tapsTwice = async () => {
    await impatient("en", true);
    await impatient("zh-CN", false);
    await impatient("zh-CN", true);
    await impatient("en", false);
  };

  /// Two mailboxes of one person: neither trust ends the other.
  const sharedBrowser = async () => {
    const shared = await sit(erin.account);
    const as = (person) => Object.assign(shared, { account: person.account });
    for (const person of [erin, fred]) {
      await as(person).begin();
      shared.at("/sign-in/code");
      await shared.page.check("#trust");
      await shared.send({ code: await apps.get(person.account).code() });
      shared.at("/");
      await shared.signOut();
    }
    for (const person of [erin, fred, erin, erin]) {
      await as(person).begin();
      shared.at("/", `${person.account} trusts this browser.`);
      assert.equal(await shared.text("header .account"), person.account);
      await shared.signOut();
    }
  };

  return [twoApps, tapsTwice, sharedBrowser];
};
