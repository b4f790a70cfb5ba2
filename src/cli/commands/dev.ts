/** `wayside dev`: the emulator until it is told to stop. */
import { type Client, createClient } from "#client/client.ts";
import { startEmulator, type Emulator, type EmulatorEvent } from "#dev/emulator.ts";
import { warnOf } from "../analyze/warnings.ts";
import { applyManifests, type Outcome } from "../apply/apply.ts";
import { type Manifest, manifestsOf } from "../files/manifest.ts";
import { objectsOf, textOf } from "../output/fields.ts";
import { allGroups, groupTable } from "../resources/groups.ts";
import { projectPath } from "../resources/paths.ts";

export interface DevOptions {
  readonly port: number;
  readonly meshPort: number;
  readonly project: string;
  readonly state?: string;
  readonly otlp?: string;
  readonly configRefresh: number;
  readonly output: "text" | "json";
}

/**
 * Resolves when SIGINT or SIGTERM has stopped everything. Files with faults of their own end it before anything is started; those that
 * the API refuses, with everything stopped again. Throws `CommandError` with `file:line:col` of each fault.
 */
export async function run(files: readonly string[], options: DevOptions): Promise<void> {
  const signal = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => signal.abort());
  const manifests = await manifestsOf(files);
  const emulator = await startEmulator({
    project: options.project,
    port: options.port,
    meshPort: options.meshPort,
    configRefreshMs: options.configRefresh,
    ...(options.state === undefined ? {} : { state: options.state }),
    ...(options.otlp === undefined ? {} : { otlp: options.otlp }),
    onEvent: (event) => tell(event, options.output),
  });
  try {
    await Promise.race([aborted(signal.signal), bringUp(emulator, manifests, options)]);
    await aborted(signal.signal);
  } finally {
    await emulator.stop();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

async function bringUp(emulator: Emulator, manifests: readonly Manifest[], options: DevOptions): Promise<void> {
  const client = createClient({ api: emulator.api });
  const outcomes = await applyManifests({ client, project: options.project, dryRun: false }, manifests);
  await warnOf(client, options.project, manifests);
  await announce(emulator, { client, outcomes, options });
}

/** Text goes to stderr, so that stdout stays empty until there is something to say; JSON is one object a line on stdout. */
function tell(event: EmulatorEvent, output: DevOptions["output"]): void {
  if (event.event === "log") {
    process.stderr.write(`${event.message}\n`);
  } else if (output === "json") {
    process.stdout.write(`${JSON.stringify(event)}\n`);
  } else if (event.event === "cleaned") {
    process.stderr.write(`cleaned up ${event.vms} VM processes of a previous run (pid ${event.pid})\n`);
  } else if (event.event === "vmEnded") {
    process.stderr.write(`VM ${event.name} of project ${event.project} ended: ${event.exit}\n`);
  }
}

interface Up {
  readonly client: Client;
  readonly outcomes: readonly Outcome[];
  readonly options: DevOptions;
}

async function announce({ api, mesh, dashboard }: Emulator, { client, outcomes, options }: Up): Promise<void> {
  if (options.output === "json") {
    process.stdout.write(`${JSON.stringify({ event: "ready", api, mesh, dashboard })}\n`);
    return;
  }
  const { project } = options;
  const status = await client.call("GET", `${projectPath("wayside", project)}/status`);
  const services = objectsOf(status["proxies"]).map(({ service }) => textOf(service));
  const groups = await allGroups({ client, project });
  const parts = [
    ...(outcomes.length === 0 ? [] : [`resources    ${summary(outcomes)}\n`]),
    ...(services.length === 0 ? [] : [`services     ${services.join("\n             ")}\n`]),
    ...(groups.length === 0 ? [] : [groupTable(groups)]),
    `control API  ${api}\nmesh         ${mesh}   (services are named by the Host header)\nready; Ctrl-C stops it\n`,
  ];
  process.stdout.write(parts.join("\n"));
}

/** `12 created, 3 unchanged` */
function summary(outcomes: readonly Outcome[]): string {
  const counts = [...Map.groupBy(outcomes, ({ action }) => action)].map(([action, list]) => `${list.length} ${action}`);
  return counts.join(", ");
}
