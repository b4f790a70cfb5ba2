/** How an agent is spoken to on its own machine: a Unix socket in its state folder, for its owner alone. One JSON line each way. */
import { chmodSync, rmSync } from "node:fs";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { messageOf, UserError } from "#base/errors.ts";
import { isJsonObject, type JsonObject } from "#base/json.ts";

/** sun_path of unix(7), less its end. */
const longestPath = 107;
/** A command that waits for the proxies takes as long as they do. */
const answerWithinMs = 120_000;

function pathIn(folder: string): string {
  const path = join(folder, "agent.sock");
  if (Buffer.byteLength(path) <= longestPath) return path;
  throw new UserError({
    code: "invalid",
    field: "--state",
    message: `${path} is longer than a socket's path may be; name a shorter folder.`,
  });
}

/** Asks the agent of a state folder. Undefined when none runs there; throws `UserError` with what it refuses. */
export async function askAgent(folder: string, request: JsonObject): Promise<JsonObject | undefined> {
  const socket = createConnection(pathIn(folder));
  const text = await exchange(socket, JSON.stringify(request)).catch((failure: NodeJS.ErrnoException) => {
    if (failure.code === "ENOENT" || failure.code === "ECONNREFUSED") return undefined;
    throw failure;
  });
  if (text === undefined) return undefined;
  const answer: unknown = text === "" ? {} : JSON.parse(text);
  if (!isJsonObject(answer)) throw new Error(`the agent answered ${text}`);
  if (typeof answer["error"] === "string") throw new UserError({ code: "failedPrecondition", message: answer["error"] });
  return answer;
}

function exchange(socket: Socket, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    socket.setTimeout(answerWithinMs, () => socket.destroy(new Error("the agent does not answer")));
    socket.on("connect", () => socket.write(`${line}\n`));
    socket.on("data", (chunk) => (text += String(chunk)));
    socket.on("end", () => resolve(text.trim()));
    socket.on("error", reject);
  });
}

export type Serve = (request: JsonObject) => Promise<JsonObject>;

/** Answers on the socket until closed; `close` resolves when whoever was being answered has the answer. Throws `UserError` when another agent has the folder. */
export async function listenAt(folder: string, serve: Serve): Promise<{ close(): Promise<void> }> {
  const other = await askAgent(folder, { command: "status" });
  if (other) {
    const message = `An agent runs with ${folder} already, process ${JSON.stringify(other["pid"])}. Stop it, or name another folder with --state.`;
    throw new UserError({ code: "failedPrecondition", field: "--state", message });
  }
  const path = pathIn(folder);
  // Left behind by an agent that was killed.
  rmSync(path, { force: true });
  const server = createServer({ allowHalfOpen: true }, (socket) => void answerOn(socket, serve));
  await listening(server, path);
  chmodSync(path, 0o600);
  return { close: () => new Promise((resolve) => server.close(() => resolve())) };
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => server.once("error", reject).listen(path, resolve));
}

async function answerOn(socket: Socket, serve: Serve): Promise<void> {
  let text = "";
  socket.on("error", () => undefined);
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    text += String(chunk);
    if (text.includes("\n") || text.length > 65_536) break;
  }
  const answer = await answerTo(text, serve);
  if (!socket.destroyed) socket.end(`${JSON.stringify(answer)}\n`);
}

async function answerTo(text: string, serve: Serve): Promise<JsonObject> {
  try {
    const request: unknown = JSON.parse(text);
    return isJsonObject(request) ? await serve(request) : { error: "not a request" };
  } catch (thrown) {
    return { error: messageOf(thrown) };
  }
}
