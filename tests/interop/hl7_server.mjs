// An HL7 server out of node-hl7-server: keeps what it gets, one JSON line each, and refuses what says REFUSE.
// node hl7_server.mjs PORT, run where its packages are installed; writes received.jsonl there.
import { createRequire } from "node:module";
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const { Server } = createRequire(join(process.cwd(), "package.json"))("node-hl7-server");
writeFileSync("received.jsonl", "");
new Server({ bindAddress: "127.0.0.1" }).createInbound({ port: Number(process.argv[2]) }, async (req, res) => {
  const message = req.getMessage();
  const say = (path) => message.get(path).toString();
  const refused = message.toString().includes("REFUSE");
  appendFileSync("received.jsonl", JSON.stringify({ control: say("MSH.10"), event: say("MFE.1"), record: say("MFE.4"), name: say("ITM.2"), refused }) + "\n");
  await res.sendResponse(refused ? "AE" : "AA");
});
