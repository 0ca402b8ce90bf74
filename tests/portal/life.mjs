// What people do with the portal, each in a browser of their own, with the real servers behind it. tests/real/stories/portal.rs
// starts all that is needed and answers what is asked of it; see ask.mjs.
//
//   SIDEGATE_LIFE='{...}' node life.mjs [CHAPTER...]
//
// Ends with 0, or says what went wrong.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";

import { isIn, isRefused, login, reset, secret, shared, unlock } from "./ask.mjs";
import { everyFactor, until } from "./factors.mjs";
import { Mailbox, Providers } from "./peers.mjs";
import { Person, startBrowser } from "./person.mjs";
import { reach } from "./reach.mjs";
import { impatience } from "./taps.mjs";

const life = JSON.parse(process.env.SIDEGATE_LIFE);
const { url, password } = life;
const browser = await startBrowser(life.chromium);
const mailbox = new Mailbox(life.mailPort);
const providers = new Providers(life.providersPort, life.provider);

const sit = (account, more = {}) => Person.sitDown(browser, { url, account, password, from: life.home, ...more });

/// A login of a mail program, and how it has to end.
const getsIn = async (protocol, user, password, from) => {
  const answer = await login(protocol, user, password, from);
  assert.ok(isIn(answer), `${protocol} ${user}: ${answer}`);
};
const isKeptOut = async (protocol, user, password, from) => {
  const answer = await login(protocol, user, password, from);
  assert.ok(isRefused(answer), `${protocol} ${user}: ${answer}`);
};

const alice = await sit("alice@example.test");
const WRONG = "not-the-main-password";
let app;
let phone;

/// From the main password to two-factor and a client password.
const firstSteps = async () => {
  await alice.go("/");
  alice.at("/sign-in");
  await secret(alice.account, WRONG);
  await alice.begin(WRONG);
  alice.at("/sign-in");
  await alice.isTold("problem-wrong-password");
  await alice.send({ password });
  alice.at("/");
  await getsIn("imap", alice.account, password);

  await alice.bind("totp", async () => {
    const bound = await alice.bindApp();
    app = bound.app;
    await secret(alice.account, bound.key);
    alice.at("/two-factor", "It is asked at once.");
    await alice.says("two-factor-ask-title");
    await alice.says("state-bound");
  });
  await getsIn("imap", alice.account, password);
  await alice.press('main a[href="/two-factor"]');
  await alice.press("main button[name=on]");
  alice.at("/passwords/new", "Mail programs get in with nothing else now.");
  for (const protocol of ["imap", "pop3", "smtp"]) await isKeptOut(protocol, alice.account, password);
};

const clientPassword = async () => {
  const made = await alice.makePassword("Phone");
  await secret(alice.account, made);
  await alice.page.click("[data-copy]");
  assert.equal(await alice.page.evaluate(() => navigator.clipboard.readText()), made);
  for (const protocol of ["imap", "pop3", "smtp"]) await getsIn(protocol, alice.account, made);
  await alice.go("/devices");
  await alice.shows("Phone");

  await alice.go("/passwords");
  await alice.shows("Phone");
  await alice.press('main a[href$="/remove"]');
  await alice.press("main button.danger");
  alice.at("/passwords");
  await isKeptOut("imap", alice.account, made);
  await alice.go("/passwords");
  await alice.says("passwords-still-tried");
  await alice.go("/");
  await alice.says("warning-old-device", { name: "Phone" });
  phone = await alice.makePassword("New phone");
  await secret(alice.account, phone);
  await getsIn("imap", alice.account, phone);
};

const trustedDevice = async () => {
  await alice.go("/");
  await alice.speak("zh-CN");
  await alice.beginAgain();
  alice.at("/sign-in/code");
  await alice.send({ code: "000000" });
  alice.at("/sign-in/code");
  await alice.isTold("problem-wrong-app-code");
  await alice.page.check("#trust");
  await alice.send({ code: await app.code() });
  alice.at("/");

  await alice.beginAgain();
  alice.at("/", "A trusted device is asked for nothing more.");
  await alice.go("/devices");
  await alice.press('main form[action$="/cancel"] button');
  alice.at("/devices");
  await alice.beginAgain();
  alice.at("/sign-in/code", "The trust was cancelled.");
  await alice.send({ code: await app.code() });
  alice.at("/");
  await alice.speak("en");
};

/// A thief with the main password is stopped, seen, and told of by mail; a visit that is over is in the list.
const stoppedAtFactor = async () => {
  const thief = await sit(alice.account, { from: life.thief });
  await thief.begin();
  thief.at("/sign-in/code");
  for (let n = 0; n < 3; n += 1) await thief.send({ code: "000000" });
  await thief.isTold("problem-wrong-clock");
  const gone = await sit(alice.account, { from: life.elsewhere });
  await gone.begin();
  const code = await app.code();
  await gone.send({ code });
  gone.at("/");
  await gone.beginAgain();
  await gone.send({ code });
  await gone.isTold("problem-used-code");
  await gone.send({ code: await app.code() });
  await gone.signOut();

  const look = async () => {
    await alice.go("/devices");
    await alice.says("stopped-title");
    await alice.says("login-browser-totp");
    const text = await alice.text();
    const [first, later] = [life.thief, life.elsewhere].map((address) => text.indexOf(address));
    assert.ok(first >= 0 && first < later, `${life.thief} stands first, and ${life.elsewhere} in the list:\n${text}`);
    const red = (selector) =>
      alice.page.$eval(selector, (part) => {
        const [r, g, b] = getComputedStyle(part).backgroundColor.match(/\d+/g).map(Number);
        return r > g && r > b;
      });
    assert.ok((await red(".alarm")) && (await red(".week i.bad")), "it is red");
    await alice.go("/");
    await alice.says("warning-see-stopped");
    assert.ok(await red(".warnings .bad"));
  };
  await look();
  await alice.speak("zh-CN");
  await look();
  await alice.speak("en");
  await until("a mail about the thief", () =>
    mailbox.to(alice.account).find((letter) => /gave the right main password/.test(letter) && letter.includes(life.thief)),
  );
};

/// A site that wants two-factor of somebody lets nobody past.
const dan = await sit("dan@example.test");
let danApp;

const mandatory = async () => {
  await dan.begin();
  dan.at("/set-up");
  for (const path of ["/", "/factors", "/passwords", "/passwords/new", "/devices", "/two-factor", "/recovery-codes", "/block"]) {
    await dan.go(path);
    assert.ok(["/set-up", "/block"].includes(dan.path), `${path} is shown to somebody who has to set two-factor up first`);
  }
  await dan.go("/set-up");
  // Past its date no main password opens mail.
  await isKeptOut("imap", dan.account, password);
  await dan.press('a[href="/factors/new/totp"]');
  const bound = await dan.bindApp();
  danApp = bound.app;
  await secret(dan.account, bound.key);
  dan.at("/passwords/new", "Two-factor is on.");
  await isKeptOut("imap", dan.account, password);
  await dan.go("/two-factor");
  assert.equal(await dan.page.$("main button[name=on]"), null, "it cannot be turned off");
  await dan.signOut();
};

const withoutScript = async () => {
  const plain = await sit(dan.account, { javaScriptEnabled: false, language: "zh-CN" });
  await plain.begin();
  plain.at("/sign-in/code");
  await plain.shows(dan.account);
  // There is a way back, for somebody who took the wrong account.
  await plain.press("main form.whose button");
  plain.at("/sign-in");
  await plain.begin();
  plain.at("/sign-in/code");
  await plain.send({ code: await danApp.code() });
  plain.at("/");
  const made = await plain.makePassword("旧电脑");
  await secret(plain.account, made);
  assert.ok(await plain.page.isHidden("[data-copy]"), "a button that could do nothing");
  await getsIn("imap", plain.account, made);
  await plain.signOut();
};

/// Dan lost his phone; somebody else knows his main password, and is quicker.
const resetFactors = async () => {
  const code = await reset(dan.account);
  await secret(dan.account, code);
  const thief = await sit(dan.account, { from: life.thief });
  await thief.begin();
  thief.at("/set-up");
  await thief.says("set-up-code-hint");
  for (const path of ["/factors/new/totp", "/factors/new/sms", "/two-factor", "/"]) {
    await thief.go(path);
    thief.at("/set-up", `${path} is open to whoever knows the main password`);
  }
  await thief.send({ code: "ABCD-EFGH-IJKL-MNOP" });
  thief.at("/set-up");
  await thief.isTold("problem-wrong-set-up-code");

  await dan.begin();
  dan.at("/set-up");
  await dan.send({ code: code.toLowerCase().replaceAll("-", " ") });
  dan.at("/set-up");
  await dan.press('a[href="/factors/new/totp"]');
  const bound = await dan.bindApp();
  danApp = bound.app;
  await secret(dan.account, bound.key);
  dan.at("/recovery-codes", "Two-factor is on, and he has a client password.");
  await thief.go("/set-up");
  thief.at("/sign-in", "Whoever was there before is out.");
  await dan.signOut();
};

/// Somebody who knows the main password keeps its owner waiting for codes, until an administrator has them forgotten.
const lockedCodes = async () => {
  const thief = await sit(dan.account, { from: life.thief });
  await thief.begin();
  thief.at("/sign-in/code");
  for (let n = 0; n < 5; n += 1) await thief.send({ code: "000000" });
  await dan.begin();
  dan.at("/sign-in", "Nothing is asked for before the wait is over.");
  await dan.isTold("problem-wait");
  await unlock(dan.account);
  await dan.go("/sign-in/factor");
  await dan.press("main button[name=factor]");
  dan.at("/sign-in/code");
  await dan.send({ code: await danApp.code() });
  dan.at("/");
  await dan.signOut();
};

/// An address that a forgotten device had blocked, and its owner, who sits there.
const blockedAddress = async () => {
  for (let n = 0; n < 10; n += 1) await isKeptOut("imap", alice.account, `forgotten-password-${n}`, life.blocked);
  await isKeptOut("imap", alice.account, phone, life.blocked);
  const there = await sit(alice.account, { from: life.blocked });
  await there.go("/block");
  await there.says("block-your-address", { address: life.blocked });
  assert.equal(await there.page.$('form[action="/block"]'), null, "a stranger lifts nothing");
  await there.begin();
  there.at("/sign-in");
  await there.isTold("problem-blocked");
  await there.send({ address: there.account, password, code: "000000" });
  there.at("/sign-in");
  const wrongCode = await there.text("[role=alert]");
  await there.send({ address: there.account, password: WRONG, code: await app.code() });
  assert.equal(await there.text("[role=alert]"), wrongCode, "nobody is told which of the two was wrong");
  await there.send({ address: there.account, password, code: await app.code() });
  there.at("/");
  await there.says("warning-blocked", { address: life.blocked });
  await there.go("/block");
  await there.press('form[action="/block"] button.primary');
  await there.go("/block");
  assert.equal(await there.page.$('form[action="/block"]'), null);
  await getsIn("imap", alice.account, phone, life.blocked);
};

/// Somebody who knows two main passwords guesses at the second factors behind them.
const guessedCodes = async () => {
  const guess = async (account) => {
    const there = await sit(account, { from: life.guessed });
    await there.begin();
    there.at("/sign-in/code");
    for (let n = 0; n < 5; n += 1) {
      await there.send({ code: "000000" });
      await there.isTold(n < 2 ? "problem-wrong-app-code" : "problem-wrong-clock");
    }
  };
  await getsIn("imap", alice.account, phone, life.guessed);
  await Promise.all([guess(alice.account), guess(dan.account)]);
  await isKeptOut("imap", alice.account, phone, life.guessed);
  await getsIn("imap", alice.account, phone);
};

/// Strangers guess at Alice's main password all the time. She gets in all the same: at once where she was before, and with a
/// code elsewhere.
const besieged = async () => {
  let over = false;
  let told = 0;
  const guess = async (from, language) => {
    const there = await sit(alice.account, { from, language, javaScriptEnabled: language === "en" });
    await there.go("/sign-in");
    for (let waits = false; !over; ) {
      await there.send({ address: there.account, password: WRONG });
      there.at("/sign-in");
      if (!waits && (await there.page.$("#code"))) {
        await there.isTold("problem-wait-to-sign-in");
        await there.says("sign-in-code-no-wait");
        waits = true;
        told += 1;
      }
      // The tenth failure would block the address.
      await pause(waits ? 8_000 : 1_000);
    }
  };
  // Her codes wait for as long after what was guessed before.
  await pause(30_000);
  const loops = Promise.all([guess("198.51.100.31", "en"), guess("198.51.100.32", "zh-CN"), guess("198.51.100.33", "zh-CN")]);
  const story = async () => {
    try {
      for (let n = 0; told < 3; n += 1) {
        assert.ok(n < 120, "strangers are not made to wait");
        await pause(250);
      }
      await alice.go("/");
      await alice.beginAgain();
      alice.at("/sign-in/code", "She was here before.");
      await alice.send({ code: await app.code() });
      alice.at("/");
      const away = await sit(alice.account, { from: "203.0.113.41", language: "zh-CN", javaScriptEnabled: false });
      await away.begin();
      away.at("/sign-in");
      await away.isTold("problem-wait-to-sign-in");
      await away.send({ password: WRONG, code: "000000" });
      await away.isTold("problem-wrong-password");
      await away.says("sign-in-code-together");
      await away.send({ password, code: await app.code() });
      away.at("/");
      await away.signOut();
      await away.begin();
      away.at("/sign-in/code", "Now she was there before.");
    } finally {
      over = true;
    }
  };
  await Promise.all([loops, story()]);
};

/// A mailbox is shared with a colleague who has one and never signed in; in either language.
const colleague = async () => {
  const [owner, delegate] = ["gina@example.test", "hank@example.test"];
  for (const one of [owner, delegate]) await getsIn("imap", one, password);
  await shared(owner, password);
  assert.doesNotMatch(await shared(delegate, password), /gina/);
  const gina = await sit(owner);
  await gina.begin();
  gina.at("/");
  await gina.go("/delegations");
  await gina.says("delegations-granted-none");
  await gina.send({ delegate: "nobody@example.test" });
  await gina.isTold("problem-no-such-account");
  await gina.page.check("#right-send-as");
  await gina.send({ delegate });
  gina.at("/delegations");
  await gina.says("said-granted", { delegate });
  await gina.shows("shared/gina@example.test");
  await gina.speak("zh-CN");
  for (const words of ["代理发送", "查看邮件", "改变邮件未读状态", "删除邮件", "转发/回复/写信", "发信说明"]) await gina.shows(words);
  await gina.go("/");
  await gina.shows(delegate);

  assert.match(await shared(delegate, password), /shared\/gina@example\.test/);
  const hank = await sit(delegate, { language: "zh-CN" });
  await hank.begin();
  hank.at("/");
  await hank.go("/delegations");
  await hank.shows("shared/gina@example.test");
  await gina.go("/delegations");
  await gina.press('main form[action="/delegations/withdraw"] button');
  await gina.says("said-withdrawn", { delegate });
  assert.doesNotMatch(await shared(delegate, password), /gina/);
};

const carol = await sit("carol@example.test", { language: "zh-CN" });
const { begin, middle, end } = everyFactor({ carol, life, mailbox, providers });
const erin = await sit("erin@example.test");
const fred = await sit("fred@example.test");
// Side by side: one of them waits a minute for the next message, another for codes that were not used yet.
const lives = [
  [begin, middle, end],
  impatience({ sit, erin, fred, getsIn }),
  reach({ sit, life, getsIn, isKeptOut }),
  [
    firstSteps,
    clientPassword,
    trustedDevice,
    stoppedAtFactor,
    mandatory,
    withoutScript,
    resetFactors,
    lockedCodes,
    blockedAddress,
    guessedCodes,
    besieged,
    colleague,
  ],
];

const told = async (chapter) => {
  const began = Date.now();
  try {
    await chapter();
  } catch (error) {
    console.error(`${chapter.name}: ${error.stack}`);
    for (const person of Person.all) console.error(await person.describe().catch(String));
    return false;
  }
  console.error(`${chapter.name}: ${Date.now() - began} ms`);
  return true;
};

const wanted = process.argv.slice(2);
let good = true;
const live = async (chapters) => {
  for (const chapter of chapters) {
    if (wanted.length && !wanted.includes(chapter.name)) continue;
    // What comes later needs what came before, in either life.
    if (good && !(await told(chapter))) good = false;
  }
};
await Promise.all(lives.map(live));
const failures = [...Person.failures, ...providers.complaints];
for (const failure of failures) console.error(failure);
await browser.close();
mailbox.close();
providers.close();
process.exit(good && !failures.length ? 0 : 1);
