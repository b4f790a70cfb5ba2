/** One project over a database in memory, driven by commands or over HTTP. */
import { UserError } from "#base/errors.ts";
import type { Json, JsonObject } from "#base/json.ts";
import { seededRandom } from "#base/random.ts";
import type { Hono } from "hono";
import { createApi, type ApiDeps } from "#control/api/app.ts";
import { trustEveryone } from "#control/api/authorize.ts";
import { errorOutcome, styleOf } from "#control/api/errors.ts";
import type { Change, Command, Outcome } from "#control/command.ts";
import { OperationLog } from "#control/operations/log.ts";
import type { ExecuteContext } from "#control/resources/context.ts";
import { execute } from "#control/resources/execute.ts";
import { SqlStore } from "#control/store/sql-store.ts";
import { noLeases } from "../api/no-leases.ts";
import { nodeDatabase } from "../project/node-database.ts";

interface Answer {
  readonly status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read arbitrary answers; each asserts what it reads
  readonly body: any;
}

export interface Harness {
  readonly context: ExecuteContext;
  readonly store: SqlStore;
  readonly app: Hono;
  /** What the last command changed. */
  readonly changes: () => readonly Change[];
  readonly faults: () => readonly unknown[];
  advance(ms: number): void;
  /** A request to the API; paths are below the origin. */
  send(method: string, path: string, body?: Json): Promise<Answer>;
  /** The same, and it must succeed. */
  must(method: string, path: string, body?: Json): Promise<Answer["body"]>;
}

export const project = "demo";
export const compute = `/compute/v1/projects/${project}`;
export const services = `/v1/projects/${project}/locations/global`;
export const zone = "zones/us-central1-a";

export function openHarness(overrides: Partial<ApiDeps & Pick<ExecuteContext, "loopbackAllowed">> = {}): Harness {
  const database = nodeDatabase();
  const store = new SqlStore(database);
  let now = Date.UTC(2026, 9, 1);
  const random = overrides.random ?? seededRandom(1);
  const loopbackAllowed = overrides.loopbackAllowed ?? true;
  const context: ExecuteContext = { store, operations: new OperationLog(database.sql), clock: { now: () => now }, random, loopbackAllowed };
  let changes: readonly Change[] = [];
  const faults: unknown[] = [];
  const run = (command: Command): Promise<Outcome> => {
    try {
      const execution = execute(command, context);
      ({ changes } = execution);
      return Promise.resolve(execution.outcome);
    } catch (thrown) {
      changes = [];
      return thrown instanceof UserError ? Promise.resolve(errorOutcome(styleOf(command), thrown)) : Promise.reject(thrown as Error);
    }
  };
  const app = createApi({
    run,
    authorize: trustEveryone,
    lease: noLeases,
    loopbackOnly: false,
    random,
    log: (fault) => faults.push(fault),
    ...overrides,
  });
  const send = async (method: string, path: string, body?: Json): Promise<Answer> => {
    const response = await app.request(path, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    const text = await response.text();
    return { status: response.status, body: text === "" ? undefined : (JSON.parse(text) as JsonObject) };
  };
  return {
    context,
    store,
    app,
    changes: () => changes,
    faults: () => faults,
    advance: (ms) => (now += ms),
    send,
    must: async (method, path, body) => {
      const answer = await send(method, path, body);
      if (answer.status !== 200) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
      return answer.body as Answer["body"];
    },
  };
}
