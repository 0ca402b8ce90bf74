// Somebody who binds every kind of second factor, signs in with each, changes each and removes it.
import assert from "node:assert/strict";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import { secret } from "./ask.mjs";

/// Nobody gets two messages in less.
const MESSAGES_APART = 61_000;
/// How long a message may take.
const PATIENCE = 15_000;
const OLD = { phone: "+8613800138000", mail: "carol@elsewhere.example" };
const NEW = { phone: "+8613900139000", mail: "carol@other.example" };

export const until = async (what, look) => {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const found = look();
    if (found) return found;
    assert.ok(Date.now() < end, `waited in vain: ${what}`);
    await pause(50);
  }
};

export const everyFactor = ({ carol, life, mailbox, providers }) => {
  const ids = {};
  let began;

  /// The code that a phone got, once.
  const texted = (phone) =>
    until(`a message to ${phone}`, () => {
      const file = join(life.phones, phone);
      try {
        const code = readFileSync(file, "utf8").trim();
        rmSync(file);
        return code;
      } catch {
        return undefined;
      }
    });

  /// The code in the letter after the first `before` ones with a code.
  const codes = (address) => mailbox.to(address).flatMap((letter) => letter.match(/^ {4}(\d{6})\r?$/m)?.[1] ?? []);
  const mailed = (address, before) => until(`a code for ${address}`, () => codes(address)[before]);

  const bySms = (phone) => async () => {
    await carol.send({ to: phone });
    await carol.send({ code: await texted(phone) });
  };
  const byMail = (address) => async () => {
    await carol.send({ to: address });
    await carol.send({ code: await mailed(address, 0) });
  };
  /// Whoever is asked whether it is them, and says yes.
  const byPasskey = () => carol.press("main form button.primary");
  const byProvider = async (answer = "yes") => {
    await carol.press("main form button.primary");
    await carol.press(`#${answer}`);
  };
  const newPasskey = (name) => async () => {
    await carol.newAuthenticator();
    await carol.send(name ? { name } : {});
  };

  /// A phone and a mailbox, and two-factor with them.
  const begin = async () => {
    await carol.begin();
    carol.at("/");
    ids.sms = await carol.bind("sms", async () => {
      await carol.send({ to: "12345" });
      await carol.isTold("problem-phone-unreadable");
      // Without the country: that of the site.
      await carol.send({ to: OLD.phone.slice(3) });
      await carol.send({ code: await texted(OLD.phone) });
    });
    ids.mail = await carol.bind("mail", async () => {
      await carol.send({ to: "carol2@example.test" });
      await carol.isTold("problem-address-not-external");
      await byMail(OLD.mail)();
      const letter = mailbox.to(OLD.mail).at(-1);
      // Whoever is not meant is accused of nothing, and does not learn whose account it is.
      for (const words of ["绑定到 Example 的帐号 c***@example.test", "请忽略此邮件", "(UTC+08:00)"]) {
        assert.ok(letter.includes(words), `${words} in ${letter}`);
      }
      assert.ok(!letter.includes(carol.account) && !letter.includes("修改主密码"), letter);
    });
    began = Date.now();
    await carol.go("/two-factor");
    await carol.press("main button[name=on]");
  };

  /// A passkey and the sign-in providers, and recovery codes.
  const middle = async () => {
    ids.passkey = await carol.bind("passkey", newPasskey());
    await carol.shows("Chrome");
    const told = await until("word of the passkey", () => mailbox.to(OLD.mail).find((letter) => /已添加：.*Chrome/.test(letter)));
    assert.ok(told.includes(carol.account), told);
    for (const kind of ["wechat", "wecom", "dingtalk"]) ids[kind] = await carol.bind(kind, () => byProvider());
    const codes = await recoveryCodes();

    await carol.beginAgain();
    await carol.choose(ids.passkey);
    await byPasskey();
    carol.at("/");
    await twoPasskeys();
    await carol.change(ids.passkey, newPasskey("New laptop"));
    await carol.shows("New laptop");
    await recovery(codes);
    // Only what was proved last is removed without being proved again.
    await carol.remove(ids.passkey, byPasskey);
    for (const kind of ["wechat", "wecom", "dingtalk"]) await provider(kind);
  };

  /// Two passkeys on two devices: there is one prompt, and the device that is at hand answers.
  const twoPasskeys = async () => {
    const laptop = carol.device;
    const key = await carol.anotherAuthenticator();
    await carol.hasAtHand(key);
    const second = await carol.bind("passkey", () => carol.send({ name: "Key" }));
    for (const device of [key, laptop]) {
      await carol.hasAtHand(device);
      await carol.beginAgain();
      await carol.go("/sign-in/factor");
      const kind = carol.words("kind-passkey");
      assert.equal(await carol.page.$$eval(".choice b", (all, kind) => all.filter((one) => one.textContent === kind).length, kind), 1);
      await carol.choose(ids.passkey);
      await byPasskey();
      carol.at("/", "either of them");
    }
    // The laptop was proved last: the key has to be, by itself, before it is removed.
    await carol.hasAtHand(key);
    await carol.remove(second, byPasskey);
    await carol.loses(key);
    await carol.hasAtHand(laptop);
    await carol.beginAgain();
    await carol.choose(ids.passkey);
    await byPasskey();
    carol.at("/");
  };

  const provider = async (kind) => {
    await carol.beginAgain();
    await carol.choose(ids[kind]);
    if (kind === "wechat") {
      await byProvider("no");
      await carol.isTold("problem-provider-refused");
      // Somebody else confirms.
      providers.person = "second";
      await carol.choose(ids[kind]);
      await byProvider();
      await carol.isTold("problem-provider-refused");
      providers.person = "first";
      await carol.choose(ids[kind]);
    }
    await byProvider();
    carol.at("/");
    providers.person = "second";
    await carol.change(ids[kind], () => byProvider());
    await carol.remove(ids[kind]);
    providers.person = "first";
  };

  const recoveryCodes = async () => {
    await carol.go("/recovery-codes");
    await carol.press("main form button.primary");
    const codes = await carol.page.$$eval(".codes code", (codes) => codes.map((code) => code.textContent.trim()));
    assert.equal(codes.length, 10);
    for (const code of codes) await secret(carol.account, code);
    return codes;
  };

  /// Each is good once.
  const recovery = async ([first, second]) => {
    await carol.beginAgain();
    await carol.choose("recovery");
    await carol.send({ code: first });
    carol.at("/");
    await carol.beginAgain();
    await carol.choose("recovery");
    await carol.send({ code: first });
    await carol.isTold("problem-wrong-recovery-code");
    await carol.send({ code: second.toLowerCase() });
    carol.at("/");
    await carol.go("/factors");
    await carol.shows("8");
  };

  /// What messages are sent for, and the last factor of all.
  const end = async () => {
    await pause(Math.max(0, began + MESSAGES_APART - Date.now()));
    await carol.beginAgain();
    await carol.choose(ids.sms);
    await carol.send({ code: await texted(OLD.phone) });
    carol.at("/");
    await carol.change(ids.sms, bySms(NEW.phone));
    await carol.remove(ids.sms);

    await carol.beginAgain();
    await carol.speak("en");
    await carol.choose(ids.mail);
    await carol.send({ code: await mailed(OLD.mail, 1) });
    carol.at("/");
    const letter = mailbox.to(OLD.mail).findLast((letter) => letter.includes("sign in to Example as c***@example.test"));
    assert.ok(letter?.includes("Somebody knows your main password and is trying to sign in."), letter);
    await carol.speak("zh-CN");
    await carol.change(ids.mail, byMail(NEW.mail));
    await carol.go(`/factors/${ids.mail}/remove`);
    assert.equal(await carol.page.$("main button.danger"), null, "the last one stays while two-factor is on");
    await carol.go("/two-factor");
    await carol.press("main button[name=on][value=no]");
    await carol.remove(ids.mail);
    await carol.beginAgain();
    carol.at("/", "Nothing is bound any more.");
  };

  return { begin, middle, end };
};
