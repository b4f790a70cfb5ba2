/** One agent after the other on the same VM: the next one takes over session, state folder and application, and nothing else notices. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "#base/errors.ts";
import type { AgentOptions } from "./options.ts";
import { askAgent } from "./control-socket.ts";
import { writePrivate } from "./identity.ts";

function fileIn(folder: string): string {
  return join(folder, "agent.json");
}

/** Keeps what this agent was asked for, for the next one. Without any token. */
export function keepOptions(options: AgentOptions): void {
  writePrivate(fileIn(options.folder), JSON.stringify(options));
}

/** What the agent of this folder was asked for. Throws `UserError` when there never was one. */
export function keptOptions(folder: string): AgentOptions {
  try {
    return { ...(JSON.parse(readFileSync(fileIn(folder), "utf8")) as AgentOptions), folder };
  } catch {
    throw new UserError({
      code: "notFound",
      field: "--state",
      message: `No agent has run with ${folder}. Start one with \`wayside agent join\`.`,
    });
  }
}

/** Starts the next agent with that program (`node …/wayside.js`); it asks this one to hand over once it is ready. Gives its process id. */
export function startSuccessor(program: readonly string[], folder: string): number {
  const [file = "", ...args] = program;
  const child = spawn(file, [...args, "agent", "resume", "--state", folder], { stdio: ["ignore", "inherit", "inherit"], detached: true });
  if (child.pid === undefined) throw new Error(`${file} could not be started`);
  child.on("error", () => undefined);
  child.unref();
  return child.pid;
}

/** Takes the place of the agent that runs with this folder, if one does: gives its session. Resolves when its socket is free. */
export async function takeOver(folder: string): Promise<string | undefined> {
  const answer = await askAgent(folder, { command: "handOver" });
  if (!answer) return undefined;
  while (await askAgent(folder, { command: "status" }).catch(() => undefined)) await new Promise((resolve) => setTimeout(resolve, 20));
  const { session } = answer;
  return typeof session === "string" ? session : undefined;
}
