// Whom the portal talks to: a mail server that keeps what it gets, and small imitations of WeChat, WeCom and DingTalk,
// which look at every parameter. Who is not asked as the real one wants it answers as the real one does.
import { createServer as createHttp } from "node:http";
import { createServer } from "node:net";

/// Takes every mail, and has those to an address.
export class Mailbox {
  letters = [];

  constructor(port) {
    this.server = createServer((socket) => this.serve(socket)).listen(port, "127.0.0.1");
  }

  serve(socket) {
    let rest = "";
    let to = [];
    let letter;
    const say = (line) => socket.write(`${line}\r\n`);
    const hear = (line) => {
      if (letter !== undefined) {
        if (line !== ".") {
          letter += `${line.replace(/^\./, "")}\n`;
          return;
        }
        this.letters.push({ to, text: letter });
        [letter, to] = [undefined, []];
        say("250 2.0.0 Ok");
      } else if (/^DATA$/i.test(line)) {
        letter = "";
        say("354 Go ahead");
      } else if (/^QUIT/i.test(line)) {
        say("221 2.0.0 Bye");
        socket.end();
      } else {
        const rcpt = line.match(/^RCPT TO:<(.*?)>/i);
        if (rcpt) to.push(rcpt[1]);
        say(/^EHLO/i.test(line) ? "250-sink.example.org\r\n250 8BITMIME" : "250 2.0.0 Ok");
      }
    };
    socket.setEncoding("utf8");
    socket.on("error", () => {});
    socket.on("data", (data) => {
      const lines = (rest + data).split("\r\n");
      rest = lines.pop();
      lines.forEach(hear);
    });
    say("220 sink.example.org ESMTP");
  }

  /// What was written to an address, oldest first.
  to(address) {
    return this.letters.filter((letter) => letter.to.includes(address)).map((letter) => plain(letter.text));
  }

  close() {
    this.server.close();
  }
}

/// The plain part of a letter.
const plain = (letter) => {
  const boundary = letter.match(/boundary="?([^"\n;]+)/)?.[1];
  const part = letter.split(`--${boundary}`).find((part) => /content-type: text\/plain/i.test(part)) ?? letter;
  const [head, ...body] = part.trimStart().split("\n\n");
  const text = body.join("\n\n");
  if (/encoding: base64/i.test(head)) return Buffer.from(text, "base64").toString();
  if (!/encoding: quoted-printable/i.test(head)) return text;
  const bytes = text.replace(/=\n/g, "").replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
  return Buffer.from(bytes, "latin1").toString();
};

/// The three providers at one address, each below a path of its own. `person` is who sits in front of the phone.
export class Providers {
  person = "first";
  /// What was asked wrongly: nothing, in the end.
  complaints = [];
  #codes = new Map();
  #number = 0;

  constructor(port, { app, agent, secret }) {
    Object.assign(this, { app, agent, secret });
    this.server = createHttp((request, response) => {
      let body = "";
      request.setEncoding("utf8");
      request.on("data", (part) => (body += part));
      request.on("end", () => this.serve(request, body, response));
    }).listen(port, "127.0.0.1");
  }

  close() {
    this.server.close();
    this.server.closeAllConnections();
  }

  serve(request, body, response) {
    const url = new URL(request.url, "http://provider");
    const [, provider, ...path] = url.pathname.split("/");
    const asked = { method: request.method, path: path.join("/"), of: url.searchParams, headers: request.headers, body };
    const page = this[`${provider}Page`]?.(asked);
    if (page) {
      const from = asked.of.get("redirect_uri");
      const back = (more) => `${from}?${new URLSearchParams({ ...more, state: asked.of.get("state") })}`;
      const yes = back({ [page.code]: this.#grant(provider) });
      const text = `<!DOCTYPE html><title>${provider}</title><link rel="icon" href="data:,"><a id="yes" href="${yes.replaceAll("&", "&amp;")}">yes</a>
        <a id="no" href="${back({}).replaceAll("&", "&amp;")}">no</a>`;
      response.writeHead(200, { "Content-Type": "text/html; charset=utf-8" }).end(text);
      return;
    }
    const [status, answer] = this[provider]?.(asked) ?? [404, {}];
    if (status !== 200 || answer.errcode) this.complaints.push(`${request.method} ${url.pathname}: ${JSON.stringify(answer)}`);
    response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(answer));
  }

  /// A code is good once, and stands for whoever confirmed.
  #grant(provider) {
    const code = `code+/=&${++this.#number}`;
    this.#codes.set(`${provider} ${code}`, this.person);
    return code;
  }

  #take(provider, code) {
    const person = this.#codes.get(`${provider} ${code}`);
    this.#codes.delete(`${provider} ${code}`);
    return person;
  }

  #login({ method, path, of }, place, expected) {
    if (path !== place) return false;
    const wrong = Object.entries(expected).filter(([name, value]) => of.get(name) !== value);
    if (method !== "GET" || wrong.length || !of.get("redirect_uri") || !of.get("state")) {
      this.complaints.push(`${place}?${of}`);
    }
    return true;
  }

  wechatPage(asked) {
    const expected = { appid: this.app, response_type: "code", scope: "snsapi_login" };
    return this.#login(asked, "connect/qrconnect", expected) && { code: "code" };
  }

  wechat({ method, path, of }) {
    if (method !== "GET") return [200, { errcode: 43001 }];
    if (path === "sns/oauth2/access_token") {
      if (of.get("appid") !== this.app) return [200, { errcode: 40013 }];
      if (of.get("secret") !== this.secret) return [200, { errcode: 40125 }];
      if (of.get("grant_type") !== "authorization_code") return [200, { errcode: 40002 }];
      const person = this.#take("wechat", of.get("code"));
      if (!person) return [200, { errcode: 40029 }];
      return [200, { access_token: `w-${person}`, openid: `o-${person}`, unionid: `u-${person}`, expires_in: 7200 }];
    }
    if (path === "sns/userinfo") {
      const person = of.get("access_token")?.replace(/^w-/, "");
      if (of.get("openid") !== `o-${person}`) return [200, { errcode: 40001 }];
      return [200, { openid: `o-${person}`, unionid: `u-${person}`, nickname: `张三 ${person}` }];
    }
    return undefined;
  }

  wecomPage(asked) {
    const expected = { login_type: "CorpApp", appid: this.app, agentid: this.agent };
    return this.#login(asked, "wwlogin/sso/login", expected) && { code: "code" };
  }

  wecom({ method, path, of }) {
    if (method !== "GET") return [200, { errcode: 43001 }];
    if (path === "cgi-bin/gettoken") {
      if (of.get("corpid") !== this.app) return [200, { errcode: 40013 }];
      if (of.get("corpsecret") !== this.secret) return [200, { errcode: 40001 }];
      return [200, { errcode: 0, access_token: "company", expires_in: 7200 }];
    }
    if (path === "cgi-bin/auth/getuserinfo") {
      if (of.get("access_token") !== "company") return [200, { errcode: 40014 }];
      const person = this.#take("wecom", of.get("code"));
      return [200, person ? { errcode: 0, userid: `ZhangSan-${person}` } : { errcode: 40029 }];
    }
    return undefined;
  }

  dingtalkPage(asked) {
    const expected = { client_id: this.app, response_type: "code", scope: "openid", prompt: "consent" };
    return this.#login(asked, "oauth2/auth", expected) && { code: "authCode" };
  }

  dingtalk({ method, path, headers, body }) {
    if (method === "POST" && path === "v1.0/oauth2/userAccessToken") {
      const { clientId, clientSecret, code, grantType } = JSON.parse(body);
      if (clientId !== this.app || clientSecret !== this.secret) return [403, { code: "invalidClientIdOrSecret" }];
      const person = grantType === "authorization_code" && this.#take("dingtalk", code);
      if (!person) return [400, { code: "invalidParameter.authCode.notFound" }];
      return [200, { accessToken: `d-${person}`, expireIn: 7200 }];
    }
    if (method === "GET" && path === "v1.0/contact/users/me") {
      const person = headers["x-acs-dingtalk-access-token"]?.replace(/^d-/, "");
      return person ? [200, { unionId: `z-${person}`, nick: `王五 ${person}` }] : [400, { code: "InvalidAuthentication" }];
    }
    return undefined;
  }
}
