/**
 * The process that holds workerd: the Workers of `wayside dev` with the counting control Worker in the place of the plain one, and no fleet.
 * Its one argument is a folder of its own; it prints the origin of the control Worker, and ends at SIGTERM.
 */
import path from "node:path";
import { bundleWorkers } from "#dev/runtime/bundle.ts";
import { startRuntime } from "#dev/runtime/miniflare.ts";
import { Ticker } from "#dev/runtime/ticker.ts";
import { bundle } from "../runtime/bundle.ts";

const configRefreshMs = 1000;

const folder = process.argv[2] ?? "";
const [workers, counting] = await Promise.all([bundleWorkers(), bundle("bench/workers/counting.ts", { minify: false })]);
const runtime = await startRuntime({
  code: { ...workers, control: { source: counting, hash: "counting" } },
  project: "demo",
  port: 0,
  meshPort: 0,
  stateFolder: path.join(folder, "state"),
  temporaryFolder: path.join(folder, "workerd"),
  masterKey: Buffer.alloc(32, 1).toString("base64"),
  configRefreshMs,
  fleet: () => Promise.resolve(new Response(null, { status: 404 })),
  environment: {},
  onLog: (level, message) => process.stderr.write(`workerd ${level}: ${message}\n`),
  onRestart: () => process.stderr.write("workerd was started again\n"),
});
const ticker = new Ticker(configRefreshMs, () => runtime.tick());
process.once("SIGTERM", () => void ticker.stop().then(() => runtime.stop()));
process.stdout.write(`${runtime.control}\n`);
