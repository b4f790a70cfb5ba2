/** Agents as a VM's owner would run them: processes of `wayside agent join`, each with a state folder of its own. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync, readdirSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { must, until } from "./rest.ts";
import { root, wayside } from "./wayside.ts";

export interface AgentProcess {
  readonly process: ChildProcess;
  readonly folder: string;
  output(): string;
  /** Waits until it has printed this. */
  said(pattern: RegExp): Promise<RegExpExecArray>;
  /** Its exit status. */
  ended(): Promise<number | null>;
}

export interface AgentSetup {
  readonly api: string;
  readonly folder: string;
  readonly port: number;
  /** Absent: a VM that comes back. */
  readonly token?: string;
  readonly more?: readonly string[];
  /** Added to its environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: answers with its process id, on `PORT`. */
  readonly command?: readonly string[];
}

const application = [process.execPath, "examples/agent/hello.mjs"];

export function startAgent({ api, folder, port, token, more = [], env = {}, command = application }: AgentSetup): AgentProcess {
  const options = ["--mesh", api, "--state", folder, "--port", String(port), ...(token === undefined ? [] : ["--token", token]), ...more];
  const words = ["bin/wayside.js", "agent", "join", ...options, "--", ...command];
  return watched(spawn(process.execPath, words, { cwd: root, env: { ...process.env, ...env } }), folder);
}

/** Keeps what a process says. */
export function watched(child: ChildProcess, folder: string): AgentProcess {
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (text += String(chunk)));
  return {
    process: child,
    folder,
    output: () => text,
    said: (pattern) =>
      until(`${pattern} of\n${text}`, 30_000, () => Promise.resolve(pattern.exec(text) ?? undefined)).catch((failure: unknown) => {
        throw new Error(`${pattern} is not in:\n${text}`, { cause: failure });
      }),
    ended: async () => {
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      return child.exitCode;
    },
  };
}

/** A join token of a lease that ends soon, for a test that waits for it. */
export async function tokenOf(api: string, group: string, more: readonly string[] = ["--lease-ttl", "3"]): Promise<string> {
  const { stdout, stderr } = await wayside(["vm", "token", "--group", group, ...more], { env: { WAYSIDE_API: api } });
  if (!/^wjt_\S+\n$/.test(stdout)) throw new Error(`no token alone on stdout: ${stdout}${stderr}`);
  return stdout.trim();
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

export interface InstanceRow {
  readonly name: string;
  readonly group: string;
  readonly health: string;
  readonly drained: boolean;
  readonly connection?: { readonly state: string; readonly since: string; readonly epoch: number };
  readonly cloneSuspected?: { readonly at: string };
}

export async function instances(api: string): Promise<InstanceRow[]> {
  return ((await must(api, "GET", "/wayside/v1/projects/demo/instances")) as { instances: InstanceRow[] }).instances;
}

/** Command lines of all living processes that hold this text. */
export function processesWith(text: string): string[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map((pid) => {
      try {
        return readFileSync(join("/proc", pid, "cmdline"), "utf8").replaceAll("\0", " ");
      } catch {
        return "";
      }
    })
    .filter((line) => line.includes(text));
}
