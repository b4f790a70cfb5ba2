/** Requests through the mesh by Host header, one or at a steady rate. */
import { once } from "node:events";
import { Agent, type ClientRequest, type IncomingMessage, request } from "node:http";

export interface Reply {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

export interface Ask {
  readonly host: string;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Record<string, string | string[]>;
  readonly body?: string;
}

const shared = new Agent({ keepAlive: true, maxSockets: 64 });

/** One request; rejects when there is no answer. */
export function ask(mesh: string, what: Ask): Promise<Reply> {
  const { hostname, port } = new URL(mesh);
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        hostname,
        port,
        path: what.path ?? "/",
        method: what.method ?? "GET",
        headers: { ...what.headers, host: what.host },
        agent: shared,
        timeout: 30_000,
      },
      (incoming) => {
        let body = "";
        incoming.on("data", (chunk) => (body += String(chunk)));
        incoming.on("error", reject);
        incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers as Record<string, string>, body }));
      },
    );
    outgoing.on("timeout", () => outgoing.destroy(new Error("no answer in 30 s")));
    outgoing.on("error", reject);
    outgoing.end(what.body);
  });
}

/** A request on a connection of its own, not yet ended: what comes of it is the test's. */
export function begin(mesh: string, { host, path = "/", method = "GET", headers }: Omit<Ask, "body">): ClientRequest {
  return request(mesh, { agent: false, path, method, headers: { ...headers, host } }).on("error", () => undefined);
}

export async function headOf(outgoing: ClientRequest): Promise<IncomingMessage> {
  const [incoming] = (await once(outgoing, "response")) as [IncomingMessage];
  return incoming;
}

/** The whole body; rejects when it breaks off. */
export async function textOf(incoming: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of incoming) text += String(chunk);
  return text;
}

export interface LoadResult {
  readonly sent: number;
  readonly ok: number;
  /** What was not 2xx: `503 no_healthy_endpoints` or the error's text, with how often. */
  readonly failures: Record<string, number>;
  /** Bodies seen, with how often. */
  readonly bodies: Record<string, number>;
  /** Milliseconds that each answer took, in no order. */
  readonly latencies: number[];
}

/** A steady open-loop load that runs until `stop`, bounded at two minutes. */
export function startLoad(mesh: string, what: Ask, perSecond: number): { stop(): Promise<LoadResult> } {
  const result = {
    sent: 0,
    ok: 0,
    failures: {} as Record<string, number>,
    bodies: {} as Record<string, number>,
    latencies: [] as number[],
  };
  const pending = new Set<Promise<void>>();
  const count = (table: Record<string, number>, key: string): void => {
    table[key] = (table[key] ?? 0) + 1;
  };
  const one = async (): Promise<void> => {
    const asked = performance.now();
    try {
      const reply = await ask(mesh, what);
      result.latencies.push(performance.now() - asked);
      if (reply.status >= 200 && reply.status < 300) {
        result.ok += 1;
        count(result.bodies, reply.body);
      } else count(result.failures, `${reply.status} ${reply.headers["x-wayside-reason"] ?? ""}`.trim());
    } catch (failure) {
      count(result.failures, String(failure));
    }
  };
  const begun = performance.now();
  const timer = setInterval(() => {
    const elapsed = Math.min(performance.now() - begun, 120_000);
    while (result.sent < (elapsed / 1000) * perSecond) {
      result.sent += 1;
      const answer = one().finally(() => pending.delete(answer));
      pending.add(answer);
    }
  }, 5);
  return {
    stop: async () => {
      clearInterval(timer);
      await Promise.all(pending);
      return result;
    },
  };
}

/** How long tests watch a fact that must stay true: they cannot await its end. */
export function watchFor(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
