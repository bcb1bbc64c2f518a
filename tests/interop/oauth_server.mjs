// oauth2-mock-server issues and signs; of our own are what it leaves open (whose secret is right) and what befalls it.
// node oauth_server.mjs PORT, run where its packages are installed.
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { text } from "node:stream/consumers";

const require = createRequire(join(process.cwd(), "package.json"));
const { OAuth2Issuer, OAuth2Service } = require("oauth2-mock-server");

const port = Number(process.argv[2]);
const state = { secret: "secret", seconds: 3600, expired: false, trouble: [], issued: 0, asked: null, raw: false };
let service;

// A new issuer has new keys: what the one before signed is worth nothing any more.
async function founded() {
  const issuer = new OAuth2Issuer();
  issuer.url = `http://127.0.0.1:${port}`;
  await issuer.keys.generate("RS256");
  service = new OAuth2Service(issuer);
  service.on("beforeTokenSigning", (token) => {
    if (state.expired) token.payload.exp = token.payload.iat - 1;
  });
  service.on("beforeResponse", (answer, request) => {
    const [user, secret] = credentials(request);
    const status = state.trouble.shift();
    state.asked = { ...request.body, user };
    if (status) [answer.statusCode, answer.body] = [status, { error: "temporarily_unavailable" }];
    else if (secret !== state.secret) [answer.statusCode, answer.body] = [401, { error: "invalid_client" }];
    else {
      state.issued += 1;
      answer.body.expires_in = state.seconds;
    }
  });
}

// RFC 6749 section 2.3.1: out of the form, or out of Basic, where each is form-urlencoded; `raw` servers forget that.
function credentials(request) {
  const [scheme, sent = ""] = (request.headers.authorization ?? "").split(" ");
  if (scheme !== "Basic") return [request.body.client_id, request.body.client_secret];
  const text = Buffer.from(sent, "base64").toString(), colon = text.indexOf(":");
  const parts = [text.slice(0, colon), text.slice(colon + 1)];
  return state.raw ? parts : parts.map((part) => new URLSearchParams(`_=${part}`).get("_"));
}

// What an administrator of it does: GET or POST /state; `rotated` in what is posted makes new keys.
async function administer(request, response) {
  const { rotated, ...changes } = JSON.parse((await text(request)) || "{}");
  Object.assign(state, changes);
  if (rotated) await founded();
  response.end(JSON.stringify(state));
}

await founded();
createServer((request, response) => {
  if (request.url === "/state") administer(request, response);
  else service.requestHandler(request, response);
}).listen(port, "127.0.0.1");
