/** Starts the real product as a user would, `node bin/wayside.js dev -o json`, and ends it by its pid. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

export const root = join(import.meta.dirname, "../../..");

export interface Mesh {
  /** Origin of the control API. */
  readonly api: string;
  /** Origin of the mesh entry; services are named by the Host header. */
  readonly mesh: string;
  readonly process: ChildProcess;
  /** All events that `dev -o json` printed so far. */
  readonly events: Record<string, unknown>[];
  /** Everything printed so far, both streams. */
  output(): string;
  /** Milliseconds from spawn to ready. */
  readonly readyMs: number;
  /** Ends it and gives its exit status. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

const deadlineMs = 30_000;

/** Starts `wayside dev` on free ports. Throws with all output when it is not ready within 30 s. */
export async function startMesh(args: readonly string[] = []): Promise<Mesh> {
  const started = performance.now();
  const child = spawn(process.execPath, ["bin/wayside.js", "dev", "--port", "0", "--mesh-port", "0", "-o", "json", ...args], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NO_COLOR: "1" },
  });
  const events: Record<string, unknown>[] = [];
  let text = "";
  child.stderr.on("data", (chunk) => (text += String(chunk)));
  const ready = new Promise<Record<string, unknown>>((resolve, reject) => {
    createInterface(child.stdout).on("line", (line) => {
      text += `${line}\n`;
      const event = JSON.parse(line) as Record<string, unknown>;
      events.push(event);
      if (event["event"] === "ready") resolve(event);
    });
    child.on("exit", (code) => reject(new Error(`wayside dev ended with ${code}:\n${text}`)));
    setTimeout(() => reject(new Error(`not ready in ${deadlineMs} ms:\n${text}`)), deadlineMs).unref();
  });
  const event = await ready;
  return {
    api: String(event["api"]),
    mesh: String(event["mesh"]),
    process: child,
    events,
    output: () => text,
    readyMs: performance.now() - started,
    stop: async (signal = "SIGTERM") => {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      const ended = once(child, "exit");
      child.kill(signal);
      await ended;
      return child.exitCode;
    },
  };
}

export interface CommandResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one `wayside` command to its end. */
export async function wayside(
  args: readonly string[],
  options: { env?: Record<string, string>; input?: string } = {},
): Promise<CommandResult> {
  const child = spawn(process.execPath, ["bin/wayside.js", ...args], { cwd: root, env: { ...process.env, NO_COLOR: "1", ...options.env } });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => (stdout += String(chunk)));
  child.stderr.on("data", (chunk) => (stderr += String(chunk)));
  child.stdin.end(options.input ?? "");
  const [status] = (await once(child, "close")) as [number | null];
  return { status, stdout, stderr };
}
