// How far a session reaches, and that it is looked at again at each act: whoever signed in before there was a second factor,
// before two-factor became a duty, or before they became an administrator.
import assert from "node:assert/strict";

import { secret, set } from "./ask.mjs";

/// A phone in the hand.
const WIDTH = 375;
/// More sign-ins than an account may have sessions.
const MANY = 21;

export const reach = ({ sit, life, getsIn, isKeptOut }) => {
  const { password, thief: elsewhere } = life;

  const bound = async (person) => {
    let found;
    await person.bind("totp", async () => {
      const { app, key } = await person.bindApp();
      await secret(person.account, key);
      found = app;
    });
    return found;
  };

  /// What a page answers, without going there.
  const status = async (person, path) => (await person.context.request.get(path, { maxRedirects: 0 })).status();

  /// A thief who signed in before the first factor is out when it is bound, and pushes nobody out afterwards.
  const sessionsFromBefore = async () => {
    const kate = await sit("kate@example.test");
    const thief = await sit(kate.account, { from: elsewhere, width: WIDTH });
    await thief.begin();
    thief.at("/");
    await kate.begin();
    await bound(kate);
    await thief.go("/passwords");
    thief.at("/sign-in", "The session from before the factor is over.");
    for (let n = 0; n < MANY; n += 1) {
      await thief.context.clearCookies();
      await thief.begin();
      thief.at("/sign-in/code");
    }
    await kate.go("/passwords");
    kate.at("/passwords", "Nobody is pushed out by sign-ins that proved nothing.");
  };

  /// A factor is bound and two-factor is not on when it becomes a duty: neither the open session nor a mail program goes on, and
  /// the next proof turns it on for good.
  const dutyBegins = async () => {
    const ivan = await sit("ivan@example.test", { language: "zh-CN", width: WIDTH, javaScriptEnabled: false });
    await ivan.begin();
    ivan.at("/");
    const app = await bound(ivan);
    await getsIn("imap", ivan.account, password);
    await set(ivan.account, "--group", "duty");
    await isKeptOut("imap", ivan.account, password);
    for (const path of ["/", "/passwords", "/passwords/new", "/devices", "/delegations"]) {
      assert.equal(await status(ivan, path), 303, `${path} is shut`);
    }
    await ivan.go("/passwords");
    ivan.at("/sign-in/factor");
    await ivan.press('main form[action="/sign-in/factor"] button');
    ivan.at("/sign-in/code");
    await ivan.send({ code: await app.code() });
    await ivan.go("/two-factor");
    await ivan.says("two-factor-mandatory");
    await ivan.go("/passwords");
    ivan.at("/passwords");
    // Whatever an administrator says.
    await set(ivan.account, "--two-factor", "off");
    await isKeptOut("imap", ivan.account, password);
    assert.equal(await status(ivan, "/passwords"), 303);
  };

  /// A member of the administrators' group is none before a factor was proved in that very session.
  const administrators = async () => {
    const judy = await sit("judy@example.test", { width: WIDTH });
    await judy.begin();
    judy.at("/");
    await set(judy.account, "--group", "postmasters");
    assert.equal(await status(judy, "/admin"), 403);
    await set(judy.account, "--two-factor", "on");
    assert.equal(await status(judy, "/admin"), 303);
    await judy.go("/");
    judy.at("/sign-in", "Her session was ended.");
    await judy.begin();
    judy.at("/set-up");
    await judy.go("/admin");
    judy.at("/set-up");
    await judy.press('main a[href="/factors/new/totp"]');
    const { app, key } = await judy.bindApp();
    await secret(judy.account, key);
    await judy.go("/admin");
    judy.at("/admin");
    await judy.beginAgain();
    await judy.page.check("#trust");
    await judy.send({ code: await app.code() });
    await judy.beginAgain();
    judy.at("/", "The browser is trusted.");
    await judy.go("/admin");
    judy.at("/confirm", "Trust is too little to look there.");
    await judy.send({ code: await app.code() });
    judy.at("/admin");
  };

  return [sessionsFromBefore, dutyBegins, administrators];
};
