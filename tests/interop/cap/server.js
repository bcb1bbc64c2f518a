// SAP's CAP with its adapter for OData v2, and before it what CAP leaves to a gateway: CSRF tokens bound to a session,
// refusals on request and, with an ISSUER in the environment, OAuth2. What is stored, locked by ETags, rolled back and
// refused is CAP's own.
const crypto = require("node:crypto");
const cds = require("@sap/cds");
const v2 = require("@cap-js-community/odata-v2-adapter");

const sessions = new Set();
const locked = new Set();
let trouble = []; // [{ status, after, lost }], one for each change to come

async function letIn(request, response, next) {
  const { createRemoteJWKSet, jwtVerify } = await import("jose");
  const keys = createRemoteJWKSet(new URL(`${process.env.ISSUER}/jwks`));
  try {
    await jwtVerify((request.get("authorization") ?? "").replace("Bearer ", ""), keys, { issuer: process.env.ISSUER });
  } catch {
    return response.sendStatus(401);
  }
  next();
}

function csrf(request, response, next) {
  const sent = request.get("x-csrf-token") ?? "";
  if (sent.toLowerCase() === "fetch") {
    const token = crypto.randomUUID();
    sessions.add(token);
    response.set("x-csrf-token", token).set("set-cookie", `SAP_SESSIONID=${token}; Path=/; HttpOnly`);
  } else if (!["GET", "HEAD"].includes(request.method)) {
    const [, session] = /SAP_SESSIONID=([^;]+)/.exec(request.get("cookie") ?? "") ?? [];
    if (!sessions.has(sent) || session !== sent) {
      return response.set("x-csrf-token", "Required").status(403).send("CSRF token validation failed");
    }
  }
  next();
}

function troubled(request, response, next) {
  const one = request.method === "POST" ? trouble.shift() : undefined;
  if (one?.status) return response.set("retry-after", one.after).status(one.status).send("Not now");
  if (one?.lost) {
    response.write = () => true; // it is done, and nobody hears of it
    response.end = () => request.socket.destroy();
  }
  next();
}

// What an administrator of the gateway does: POST { trouble, locked, ended }.
function administered(request, response) {
  trouble = request.body.trouble ?? trouble;
  for (const number of request.body.locked ?? []) locked.add(number);
  for (const number of request.body.released ?? []) locked.delete(number);
  if (request.body.ended) sessions.clear();
  response.sendStatus(204);
}

cds.on("bootstrap", (app) => {
  app.post("/gateway", require("express").json(), administered);
  if (process.env.ISSUER) app.use("/odata/v2", letIn);
  app.use("/odata/v2", csrf, troubled);
  app.use(v2());
});

cds.on("served", ({ API_BUSINESS_PARTNER: partners, API_PRODUCT_SRV: products }) => {
  const numbered = (address) => { address.AddressID ??= crypto.randomUUID(); };
  partners.before("CREATE", "A_BusinessPartnerAddress", (request) => numbered(request.data));
  partners.before("CREATE", "A_BusinessPartner", (request) => {
    for (const address of request.data.to_BusinessPartnerAddress ?? []) numbered(address);
  });
  products.before("UPDATE", "A_Product", (request) => {
    if (locked.has(request.data.Product)) request.reject(423, `Product ${request.data.Product} is locked by user MILLER`);
  });
});

module.exports = cds.server;
