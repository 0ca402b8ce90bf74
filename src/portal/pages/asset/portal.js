// Comfort for the portal's pages: copying, printing, a countdown, forms that are sent once, passkeys. Without it everything
// but passkeys works.
"use strict";

function copying(button) {
  if (!navigator.clipboard) return;
  button.hidden = false;
  const before = button.textContent;
  const told = document.createElement("span");
  told.className = "unseen";
  told.setAttribute("role", "status");
  button.after(told);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      return;
    }
    button.textContent = told.textContent = button.dataset.done;
    setTimeout(() => {
      button.textContent = before;
      told.textContent = "";
    }, 3000);
  });
}

function printing(button) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}

function countdown(place) {
  // The server says how long it lasts: the clock of this device may be wrong.
  const ends = Date.now() + Number(place.dataset.left) * 1000;
  place.hidden = false;
  const show = () => {
    const seconds = Math.max(0, Math.round((ends - Date.now()) / 1000));
    const clock = Math.floor(seconds / 60) + ":" + String(seconds % 60).padStart(2, "0");
    place.textContent = seconds > 0 ? place.dataset.text.replace("%", clock) : place.dataset.over;
    if (seconds > 0) return setTimeout(show, 1000);
    place.classList.add("over");
    place.setAttribute("role", "status");
  };
  show();
}

// The menu is one row, which scrolls where it is too long: to where this page stands in it.
function menu(here) {
  const row = here.closest("ul");
  row.scrollLeft = here.offsetLeft - row.offsetLeft - (row.clientWidth - here.offsetWidth) / 2;
}

function bytes(text) {
  const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(plain, (character) => character.charCodeAt(0));
}

function encoded(buffer) {
  const plain = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
  return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

// The server's JSON (WebAuthn 3, 5.1.8 and 5.1.9) as what the browser wants, for browsers that cannot do it themselves.
function ceremony(json) {
  const options = json.publicKey || json;
  options.challenge = bytes(options.challenge);
  if (options.user) options.user.id = bytes(options.user.id);
  for (const list of [options.allowCredentials, options.excludeCredentials]) {
    for (const known of list || []) known.id = bytes(known.id);
  }
  return { publicKey: options };
}

function answer(credential) {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = encoded(credential.response[name]);
  }
  if (credential.response.getTransports) response.transports = credential.response.getTransports();
  return JSON.stringify({
    id: credential.id,
    rawId: encoded(credential.rawId),
    type: credential.type,
    response,
    extensions: credential.getClientExtensionResults(),
    clientExtensionResults: credential.getClientExtensionResults(),
  });
}

// How long a form waits for its answer before it may be sent again: the server takes the second for the first. One that
// is answered with a file stays on its page.
const WAITS = 10_000;
const WAITS_FOR_FILE = 3_000;

// A form is sent once, be it tapped twice or Enter pressed again: its button is grey and says so. What comes back from the
// browser's memory is as it was before.
function once(form) {
  const able = form.dataset.passkey && navigator.credentials && window.PublicKeyCredential;
  const field = able && form.elements.namedItem("credential");
  let undo = null;
  let asking = false;
  const free = () => {
    if (undo) undo();
    undo = null;
    asking = false;
  };
  const busy = (button) => {
    free();
    const before = Array.from(button.childNodes);
    const plain = !button.firstElementChild;
    button.setAttribute("aria-disabled", "true");
    if (plain) button.textContent = document.body.dataset.moment;
    undo = () => {
      button.removeAttribute("aria-disabled");
      if (plain) button.replaceChildren(...before);
      if (field) field.value = "";
    };
  };
  const sent = () => {
    const mine = undo;
    setTimeout(() => undo === mine && free(), "file" in form.dataset ? WAITS_FOR_FILE : WAITS);
  };
  window.addEventListener("pageshow", free);
  form.addEventListener("submit", async (event) => {
    const button = event.submitter || form.querySelector("button:not([type=button])");
    // It asks for another factor, while the browser still asks for the passkey.
    const other = button.formNoValidate;
    if (undo && !(asking && other)) {
      event.preventDefault();
      return;
    }
    busy(button);
    if (!field || other) {
      sent();
      return;
    }
    event.preventDefault();
    asking = true;
    const mine = undo;
    let answered;
    try {
      const options = ceremony(JSON.parse(form.dataset.options));
      answered = answer(await navigator.credentials[form.dataset.passkey](options));
    } catch (error) {
      // The server says what to do; the word only helps it to tell a refusal from a fault.
      answered = JSON.stringify({ error: error.name });
    }
    if (undo !== mine) return;
    asking = false;
    field.value = answered;
    sent();
    form.submit();
  });
}

document.querySelectorAll("[data-copy]").forEach(copying);
document.querySelectorAll("[data-print]").forEach(printing);
document.querySelectorAll("[data-left]").forEach(countdown);
document.querySelectorAll("nav [aria-current]").forEach(menu);
document.querySelectorAll("form[method=post]").forEach(once);
