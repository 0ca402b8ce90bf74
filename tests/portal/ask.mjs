// The story asks the tests' own side for what a browser cannot do: the logins of mail programs. A line of JSON each way,
// answered in order.
import { createInterface } from "node:readline";

const waiting = [];
const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => waiting.shift()(JSON.parse(line).answer));
// Nobody is there any more who could use an answer.
lines.on("close", () => process.exit(3));

const ask = (question) =>
  new Promise((answered) => {
    waiting.push(answered);
    process.stdout.write(`${JSON.stringify(question)}\n`);
  });

/// One login of a mail program: by "imap", "pop3" or "smtp", from an address or from where mail programs usually are.
export const login = (protocol, user, password, from) => ask({ ask: "login", protocol, user, password, from });

/// The mailboxes of others that somebody's mail program finds, one a line.
export const shared = (user, password) => ask({ ask: "shared", user, password });

/// A secret that no log may hold.
export const secret = (account, secret) => ask({ ask: "secret", account, secret });

/// An administrator resets somebody's second factors: the set-up code.
export const reset = (account) => ask({ ask: "reset", account });

/// An administrator forgets somebody's wrong codes.
export const unlock = (account) => ask({ ask: "unlock", account });

/// An administrator sets something of an account, as the command line has it.
export const set = (account, ...options) => ask({ ask: "set", account, options });

/// How the login of a mail program ended.
export const isIn = (answer) => /^(OK|\+OK|235 )/.test(answer);
export const isRefused = (answer) => /^(NO |-ERR|535 )/.test(answer) && !/UNAVAILABLE|SYS\/TEMP|emporary/.test(answer);
