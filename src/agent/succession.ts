/** One agent after the other on the same VM: the next one takes over session, state folder and application, and nothing else notices. */
import { spawn, type SendHandle } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "#base/errors.ts";
import { isJsonObject } from "#base/json.ts";
import type { ListeningSocket } from "./http/strict-server.ts";
import type { Inheritance, ListeningSockets } from "./listeners.ts";
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

/** Set for an agent that may ask the one that started it for its sockets. */
const successionVariable = "WAYSIDE_AGENT_SUCCESSION";

/**
 * Starts the next agent with that program (`node …/wayside.js`); it asks this one for the sockets that it listens on, and to hand over once it
 * is ready. Gives its process id.
 */
export function startSuccessor(program: readonly string[], folder: string, sockets: ListeningSockets): number {
  const [file = "", ...args] = program;
  const child = spawn(file, [...args, "agent", "resume", "--state", folder], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    detached: true,
    env: { ...process.env, [successionVariable]: "1" },
  });
  if (child.pid === undefined) throw new Error(`${file} could not be started`);
  child.on("error", () => undefined);
  child.once("message", () => {
    // Types know of servers only; a bare handle is passed as it is.
    for (const [name, socket] of Object.entries(sockets)) child.send({ name }, socket as SendHandle);
    child.send({ name: "" });
  });
  child.unref();
  child.channel?.unref();
  return child.pid;
}

/** The sockets of the agent that started this one; none where somebody else did. */
export async function inheritedSockets(): Promise<ListeningSockets> {
  const isSuccessor = process.env[successionVariable] !== undefined;
  delete process.env[successionVariable];
  if (!isSuccessor || !process.send) return {};
  const sockets: Record<string, ListeningSocket> = {};
  const all = new Promise<void>((resolve) => {
    process.on("message", ({ name }: { readonly name: string }, socket?: ListeningSocket) => {
      if (name === "") resolve();
      else if (socket) sockets[name] = socket;
    });
    process.once("disconnect", resolve);
  });
  process.send("sockets");
  await all;
  process.removeAllListeners("message");
  if (process.connected) process.disconnect();
  return sockets;
}

/** Takes the place of the agent that runs with this folder, if one does: gives its session and what was counted. Resolves when its socket is free. */
export async function takeOver(
  folder: string,
): Promise<{ readonly previous?: string; readonly counts?: NonNullable<Inheritance["counts"]> }> {
  const answer = await askAgent(folder, { command: "handOver" });
  if (!answer) return {};
  while (await askAgent(folder, { command: "status" }).catch(() => undefined)) await new Promise((resolve) => setTimeout(resolve, 20));
  const { counts, session } = answer;
  return {
    ...(typeof session === "string" && { previous: session }),
    // It comes from this very program, by a socket that nobody else may open.
    ...(isJsonObject(counts) && { counts: counts as NonNullable<Inheritance["counts"]> }),
  };
}
