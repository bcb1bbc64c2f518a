// Sends HL7 messages (a JSON list on standard input) as node-hl7-client does, and prints the answers as JSON.
// node hl7_client.mjs PORT, run where its packages are installed.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const { Client, Message } = createRequire(join(process.cwd(), "package.json"))("node-hl7-client");
const texts = JSON.parse(readFileSync(0, "utf8"));
const answers = [];
let heard;
const line = new Client({ host: "127.0.0.1" }).createConnection({ port: Number(process.argv[2]) }, (res) => {
  const message = res.getMessage();
  answers.push({ code: message.get("MSA.1").toString(), control: message.get("MSA.2").toString(), kind: message.get("MSH.9.1").toString() });
  heard();
});
for (const text of texts) {
  const answered = new Promise((resolve) => (heard = resolve));
  await line.sendMessage(new Message({ text }));
  await answered;
}
console.log(JSON.stringify(answers));
process.exit(0);
