/** The control API over few keep-alive connections, so that the generator costs as little as it can. */
import { Agent, request } from "node:http";
import type { JsonObject } from "#base/json.ts";

export interface Call {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly body?: unknown;
  readonly bearer?: string;
}

export class Api {
  readonly #origin: URL;
  readonly #agent: Agent;

  constructor(origin: string, connections: number) {
    this.#origin = new URL(origin);
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  /** Throws with the answer when it is no success. */
  call({ method, path, body, bearer }: Call): Promise<JsonObject> {
    const text = body === undefined ? "" : JSON.stringify(body);
    const headers: Record<string, string | number> = { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
    if (bearer !== undefined) headers["authorization"] = `Bearer ${bearer}`;
    const { hostname, port } = this.#origin;
    return new Promise((resolve, reject) => {
      const outgoing = request({ hostname, port, path, method, headers, agent: this.#agent }, (incoming) => {
        let answer = "";
        incoming.setEncoding("utf8");
        incoming.on("data", (chunk: string) => (answer += chunk));
        incoming.on("error", reject);
        incoming.on("end", () => {
          if ((incoming.statusCode ?? 500) >= 300) reject(new Error(`${method} ${path}: ${incoming.statusCode} ${answer.slice(0, 300)}`));
          else resolve(answer === "" ? {} : (JSON.parse(answer) as JsonObject));
        });
      });
      outgoing.on("error", reject);
      outgoing.end(text);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** The text of a field; throws when there is none. */
export function textIn(answer: JsonObject, field: string): string {
  const value = answer[field];
  if (typeof value !== "string") throw new Error(`no ${field} in ${JSON.stringify(answer)}`);
  return value;
}

/** Does something for each, so many at a time. */
export async function eachOf<T>(items: readonly T[], width: number, work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await work(item);
  };
  await Promise.all(Array.from({ length: width }, lane));
}
