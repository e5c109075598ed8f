// A real OpenID Connect provider for tests, with switches for its faults. The first line of standard input is its configuration; its first line of output is its address.
// Anybody signs in: the form asks for a name only, and the groups are those that the switches give.
import { createServer as http } from "node:http";
import { createServer as https } from "node:https";
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import { Provider } from "oidc-provider";

const lines = createInterface({ input: process.stdin });
const configuration = JSON.parse((await lines[Symbol.asyncIterator]().next()).value);
process.stdin.on("end", () => process.exit()); // its test has ended
process.stdin.resume();

const clock = Date.now;
const switches = { groups: ["admins"], claims: {}, clock_s: 0, answers: {}, delay_s: 0 };
Date.now = () => clock() + switches.clock_s * 1000;
console.warn = console.info = () => {};

const key = () => ({ ...generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ format: "jwk" }), kid: randomUUID(), alg: "RS256", use: "sig" });
let issuer, provider, accept;

function made() {
  const instance = new Provider(issuer, {
    clients: [{ token_endpoint_auth_method: "client_secret_post", ...configuration.client }],
    jwks: { keys: [key()] },
    cookies: { keys: ["for tests"] },
    claims: { openid: ["sub"], profile: ["preferred_username", "groups", "name", "_claim_names"] },
    conformIdTokenClaims: configuration.userinfo ?? false, // true: the groups are in the userinfo answer alone
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_, interaction) => `/form/${interaction.uid}` },
    ttl: { AccessToken: 9000, AuthorizationCode: 60, Grant: 9000, IdToken: 9000, Interaction: 9000, Session: 9000 },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, preferred_username: id.slice(4), groups: switches.groups, name: `Person ${id.slice(4)}`, ...switches.claims }),
    }),
    async loadExistingGrant({ oidc }) { // nobody is asked for a consent
      const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
      grant.addOIDCScope("openid profile");
      await grant.save();
      return grant;
    },
  });
  accept = instance.callback();
  return instance;
}

const PAGE = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Provider</title><link rel="icon" href="data:,">
<form method="post"><label>Name <input name="name"></label><button name="go" value="yes">Continue</button><button name="go" value="no">Cancel</button></form></html>`;

async function body(request) {
  let text = "";
  for await (const part of request) text += part;
  return text;
}

async function handle(request, response) {
  const path = new URL(request.url, issuer).pathname;
  if (path === "/switches") {
    const { rotate, ...given } = JSON.parse(await body(request));
    Object.assign(switches, given);
    if (rotate) provider = made();
    return response.end("{}");
  }
  if (switches.delay_s) await new Promise((done) => setTimeout(done, switches.delay_s * 1000));
  if (path in switches.answers) { // what this address answers instead
    const { status = 200, headers = { "content-type": "application/json" }, text = "" } = switches.answers[path];
    return response.writeHead(status, headers).end(text);
  }
  if (!path.startsWith("/form/")) return accept(request, response);
  if (request.method !== "POST") return response.writeHead(200, { "content-type": "text/html" }).end(PAGE);
  const form = new URLSearchParams(await body(request));
  const result = form.get("go") === "no" ? { error: "access_denied", error_description: "canceled" } : { login: { accountId: `sub-${form.get("name")}` } };
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

const answer = (request, response) => handle(request, response).catch((error) => response.writeHead(500).end(String(error)));
const server = configuration.tls ? https(configuration.tls, answer) : http(answer);
server.listen(0, "127.0.0.1", () => {
  issuer = `${configuration.tls ? "https" : "http"}://localhost:${server.address().port}`;
  provider = made();
  console.log(issuer);
});
