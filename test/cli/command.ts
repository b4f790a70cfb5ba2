/** Runs the command as a user would, to its end. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const root = join(import.meta.dirname, "../..");

export async function wayside(
  args: readonly string[],
  { input = "", env = {} }: { input?: string; env?: Record<string, string> } = {},
): Promise<Ended> {
  const child = spawn(process.execPath, ["bin/wayside.js", ...args], { cwd: root, env: { ...process.env, NO_COLOR: "1", ...env } });
  const status = new Promise<number | null>((resolve) => child.on("close", resolve));
  // A command that has no use for input may be gone before it is there.
  child.stdin.on("error", () => undefined).end(input);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { status: await status, stdout, stderr };
}
