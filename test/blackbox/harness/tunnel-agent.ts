/**
 * An agent's tunnel as a process of its own, so that it can be killed: `tunnel-agent.ts URL BEARER PORT`. It serves the application at
 * 127.0.0.1:PORT, prints each state as a line of JSON, and leaves gracefully at SIGTERM.
 */
import { startTunnel } from "#agent/tunnel/connector.ts";

const [url = "", bearer = "", port = ""] = process.argv.slice(2);
const tunnel = startTunnel({
  url,
  bearer: () => bearer,
  application: { host: "127.0.0.1", ports: [Number(port)] },
  onState: (state) => process.stdout.write(`${JSON.stringify(state)}\n`),
});
process.once("SIGTERM", () => void tunnel.close().then(() => process.exit(0)));
