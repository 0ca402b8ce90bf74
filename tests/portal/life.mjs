// What people do with the portal, each in a browser of their own, with the real servers behind it. tests/real/stories/portal.rs
// starts all that is needed and answers what is asked of it; see ask.mjs.
//
//   SIDEGATE_LIFE='{...}' node life.mjs [CHAPTER...]
//
// Ends with 0, or says what went wrong.
import assert from "node:assert/strict";

import { isIn, isRefused, login, secret, shared } from "./ask.mjs";
import { everyFactor } from "./factors.mjs";
import { Mailbox, Providers } from "./peers.mjs";
import { Person, startBrowser } from "./person.mjs";

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
  await alice.isTold("problem-wrong-code");
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
  await plain.send({ code: await danApp.code() });
  plain.at("/");
  const made = await plain.makePassword("旧电脑");
  await secret(plain.account, made);
  assert.ok(await plain.page.isHidden("[data-copy]"), "a button that could do nothing");
  await getsIn("imap", plain.account, made);
  await plain.signOut();
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
      await there.isTold("problem-wrong-code");
    }
  };
  await getsIn("imap", alice.account, phone, life.guessed);
  await Promise.all([guess(alice.account), guess(dan.account)]);
  await isKeptOut("imap", alice.account, phone, life.guessed);
  await getsIn("imap", alice.account, phone);
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
// Side by side: one of them waits a minute for the next message.
const lives = [
  [begin, middle, end],
  [firstSteps, clientPassword, trustedDevice, mandatory, withoutScript, blockedAddress, guessedCodes, colleague],
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
