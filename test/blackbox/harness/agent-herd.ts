/**
 * Many agents in one process, which can be killed with all of them: `agent-herd.ts MESH FOLDER COUNT PORT [TOKEN]`. Each has a folder of its
 * own below FOLDER and watches the application at 127.0.0.1:PORT. Prints what they say, each line with the number of its agent.
 */
import { join } from "node:path";
import { Agent } from "#agent/agent.ts";
import { Identity } from "#agent/identity.ts";

const [mesh = "", base = "", count = "", port = "", token] = process.argv.slice(2);
for (let index = 0; index < Number(count); index++) {
  const folder = join(base, String(index));
  const identity = Identity.open(folder);
  const place = { networkInterfaces: [{ networkIP: "127.0.0.1" }], port: Number(port), namedPorts: [], labels: {} };
  const options = { folder, mesh, project: "demo", place, command: [], stayRegistered: false };
  const agent = new Agent(options, { identity, ...(token === undefined ? {} : { token }) }, (line) => console.log(`${index}: ${line}`));
  void agent.run().then(({ text }) => console.log(`${index}: ${text}`));
}
