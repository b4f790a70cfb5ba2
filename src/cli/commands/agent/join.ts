/** `wayside agent join`: makes this VM a member of a group, runs its application, and stays until it is told to leave. */
import { networkInterfaces } from "node:os";
import { isLoopbackName } from "#base/loopback.ts";
import { Agent, type AgentStart } from "#agent/agent.ts";
import { defaultStateFolder, Identity } from "#agent/identity.ts";
import { readServiceProxy } from "#agent/metadata.ts";
import type { AgentOptions } from "#agent/options.ts";
import { keepOptions } from "#agent/succession.ts";
import { CommandError } from "../../exit.ts";

export interface JoinOptions {
  readonly mesh: string;
  readonly project: string;
  readonly token?: string;
  readonly group?: string;
  readonly name?: string;
  readonly address: readonly string[];
  readonly port?: number;
  readonly namedPort: readonly string[];
  readonly label: readonly string[];
  readonly healthPath?: string;
  readonly state?: string;
  readonly stayRegistered: boolean;
  readonly tunnel: boolean;
}

export async function run(command: readonly string[], options: JoinOptions): Promise<void> {
  const folder = options.state ?? defaultStateFolder();
  const { mesh, project, group, name, healthPath, stayRegistered, token } = options;
  const wanted: AgentOptions = {
    folder,
    mesh,
    project,
    command,
    stayRegistered,
    place: await placeOf(options),
    ...(options.tunnel && { isTunneled: true }),
    ...(group === undefined ? {} : { group }),
    ...(name === undefined ? {} : { name }),
    ...(healthPath === undefined ? {} : { healthPath }),
  };
  const identity = Identity.open(folder);
  keepOptions(wanted);
  await runAgent(wanted, { identity, ...(token === undefined ? {} : { token }) });
}

/** Runs an agent to its end, which a signal brings about as well. Throws `CommandError` when it ends badly. */
export async function runAgent(options: AgentOptions, start: AgentStart): Promise<void> {
  const agent = new Agent(options, start, (line) => process.stdout.write(`${line}\n`));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void agent.leave({ stay: options.stayRegistered }));
  const { status, text } = await agent.run();
  if (status !== 0) throw new CommandError(text);
  process.stdout.write(`${text}\n`);
  // A call that is still under way must not keep the process.
  process.exit();
}

/** What flags say stands before what Compute Engine's metadata say. */
async function placeOf(options: JoinOptions): Promise<AgentOptions["place"]> {
  const metadata = await readServiceProxy(process.env["GCE_METADATA_HOST"]);
  const namedPorts = options.namedPort.map(namedPortOf);
  const port = options.port ?? namedPorts[0]?.port ?? metadata?.servingPorts[0];
  return {
    networkInterfaces: options.address.length > 0 ? options.address.map(interfaceOf) : [{ networkIP: ownAddress(options.mesh) }],
    namedPorts,
    labels: { ...metadata?.labels, ...Object.fromEntries(options.label.map(labelOf)) },
    ...(port === undefined ? {} : { port }),
  };
}

/** `10.0.0.5` or `10.0.0.5,network=prod`. */
function interfaceOf(text: string): { networkIP: string; network?: string } {
  const match = /^([^,=]+)(?:,network=(.+))?$/.exec(text);
  if (!match) throw new CommandError(`--address '${text}' is not of the form ADDRESS or ADDRESS,network=NAME`, 2);
  const [, networkIP = "", network] = match;
  return { networkIP, ...(network === undefined ? {} : { network }) };
}

function namedPortOf(text: string): { name: string; port: number } {
  const match = /^([a-z][-a-z0-9]*):(\d{1,5})$/.exec(text);
  if (!match) throw new CommandError(`--named-port '${text}' is not of the form NAME:PORT, such as http:8080`, 2);
  return { name: match[1] ?? "", port: Number(match[2]) };
}

function labelOf(text: string): [string, string] {
  const at = text.indexOf("=");
  if (at < 1) throw new CommandError(`--label '${text}' is not of the form NAME=VALUE`, 2);
  return [text.slice(0, at), text.slice(at + 1)];
}

/** The VM's first address on a network; its loopback address where the mesh is on this machine, too. */
function ownAddress(mesh: string): string {
  if (isLoopbackName(new URL(mesh).hostname)) return "127.0.0.1";
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  const first = addresses.find(({ internal, family }) => !internal && family === "IPv4") ?? addresses.find(({ internal }) => !internal);
  if (!first) throw new CommandError("this machine has no network address; say --address", 2);
  return first.address;
}
