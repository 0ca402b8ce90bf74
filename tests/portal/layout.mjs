// What holds of where things stand: the menu stays in its place from page to page, a phone is offered first what it can do,
// the first field has the cursor, and the end of a code is told. See look.mjs.

/// The main pages, whose heads must look alike.
const MAIN = ["overview", "factors", "passwords", "devices", "delegations", "block"];

/// Each expectation, with what went wrong.
export const layout = async (browser, origin, expect) => {
  for (const language of ["en", "zh-CN"]) {
    for (const width of [320, 375, 1280]) {
      const page = await browser.newPage({ viewport: { width, height: 740 } });
      const heads = [];
      for (const name of MAIN) {
        await page.goto(`${origin}/${language}/${name}.html`);
        heads.push(
          await page.evaluate(() => {
            const box = (element) => element.getBoundingClientRect();
            const row = document.querySelector("nav ul");
            const here = row.querySelector("[aria-current]");
            const seen = !here || (box(here).left >= box(row).left - 1 && box(here).right <= box(row).right + 1);
            const who = document.querySelector(".who");
            const inTitle = box(who).top < box(document.querySelector(".site")).bottom;
            const widths = [...row.querySelectorAll("a")].map((link) => Math.round(box(link).width * 10));
            return { widths: widths.join(" "), height: box(document.querySelector(".top")).height, seen, inTitle };
          }),
        );
      }
      const where = `${language} ${width}`;
      const alike = (of) => new Set(heads.map(of)).size === 1;
      expect(alike((head) => head.height), `${where}: the menu is of another height: ${heads.map((head) => head.height)}`);
      expect(alike((head) => head.widths), `${where}: bold words move the menu: ${heads.map((head) => head.widths).join(" | ")}`);
      expect(heads.every((head) => head.seen), `${where}: this page's place in the menu is out of sight`);
      expect(heads.every((head) => head.inTitle), `${where}: the account is not in the row of the title`);
      await page.goto(`${origin}/${language}/new-totp.html`);
      const at = (selector) => page.$$eval(selector, (found) => found.find((one) => one.checkVisibility())?.getBoundingClientRect().top);
      const [link, picture] = [await at('a[href^="otpauth:"]'), await at(".qr")];
      if (width < 640) expect(link < picture, `${where}: a phone has to scan its own screen: ${link} ${picture}`);
      else expect(link === undefined, `${where}: the link is offered before the picture is there`);
      await page.goto(`${origin}/${language}/shown-password.html`);
      const apart = await page.evaluate(() => {
        document.querySelectorAll("details").forEach((part) => (part.open = true));
        const boxes = [...document.querySelectorAll(".spelled li")].map((line) => line.getBoundingClientRect());
        const columns = [...new Set(boxes.map((box) => Math.round(box.left)))].sort((one, two) => one - two);
        // The number of a line stands before it, in 2rem.
        return columns.every((left, n) => n === 0 || boxes.filter((box) => box.left < left - 1).every((box) => box.right + 32 <= left + 1));
      });
      expect(apart, `${where}: the spelled letters run into each other`);
      await page.close();
    }
  }
  await fields(browser, origin, expect);
  await theEnd(browser, origin, expect);
};

/// Where the cursor is when a page was loaded.
const fields = async (browser, origin, expect) => {
  const page = await browser.newPage();
  for (const [name, field] of [
    ["sign-in", "address"],
    ["code-totp", "code"],
    ["confirm-sms", "code"],
    ["new-sms-code", "code"],
    ["new-password", "name"],
    // A complaint, or what has to be read first, is not passed over.
    ["sign-in-wrong", ""],
    ["confirm-password", ""],
    ["new-totp", ""],
    ["two-factor-off", ""],
  ]) {
    await page.goto(`${origin}/en/${name}.html`);
    const focused = await page.evaluate(() => (document.activeElement === document.body ? "" : document.activeElement.id));
    expect(focused === field, `${name}: the cursor is in "${focused}", not in "${field}"`);
  }
  await page.close();
};

/// A code counts down by what the server says, whatever the clock of the device shows, and says that it is over.
const theEnd = async (browser, origin, expect) => {
  const page = await browser.newPage();
  await page.clock.install({ time: new Date("2001-01-01") });
  await page.goto(`${origin}/en/code-sms.html`);
  const left = () => page.innerText(".left");
  expect(/^(5:00|4:59) left$/.test(await left()), `five minutes are left, not ${await left()}`);
  await page.clock.runFor(240_000);
  expect(/^(1:00|0:59) left$/.test(await left()), `a minute is left, not ${await left()}`);
  await page.clock.runFor(62_000);
  expect((await left()) === "Over. Send a new code.", `it ends with ${await left()}`);
  await page.close();
};
