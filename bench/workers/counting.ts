/** The control Worker with its writes counted: rows of SQLite by object class, and keys and bytes of Workers KV. `/counts` tells them. */
import control, { Bus, GroupObject, LeaseObject as Lease, ProjectObject as Project, TunnelObject } from "../../src/control/worker.ts";

export { Bus, GroupObject, TunnelObject };

interface Counts {
  leaseRows: number;
  projectRows: number;
  kvWrites: number;
  kvBytes: number;
}

/** All objects of one Worker live in one isolate here. */
const counts: Counts = { leaseRows: 0, projectRows: 0, kvWrites: 0, kvBytes: 0 };

/**
 * Cloudflare bills what a cursor gives as `rowsWritten`, and one row for each alarm that is set
 * (https://developers.cloudflare.com/durable-objects/platform/pricing/).
 */
function countRows({ storage }: DurableObjectState, into: "leaseRows" | "projectRows"): void {
  const { sql } = storage;
  const exec = sql.exec.bind(sql);
  const setAlarm = storage.setAlarm.bind(storage);
  sql.exec = ((query: string, ...bindings: unknown[]) => {
    const cursor = exec(query, ...bindings);
    counts[into] += cursor.rowsWritten;
    return cursor;
  }) as typeof sql.exec;
  storage.setAlarm = (...given) => {
    counts[into] += 1;
    return setAlarm(...given);
  };
}

export class LeaseObject extends Lease {
  constructor(ctx: DurableObjectState, env: ConstructorParameters<typeof Lease>[1]) {
    countRows(ctx, "leaseRows");
    super(ctx, env);
  }
}

type ProjectEnv = ConstructorParameters<typeof Project>[1];

export class ProjectObject extends Project {
  constructor(ctx: DurableObjectState, env: ProjectEnv) {
    countRows(ctx, "projectRows");
    const put = (key: string, value: Uint8Array): Promise<void> => {
      counts.kvWrites += 1;
      counts.kvBytes += value.byteLength;
      return env.BUS.put(key, value);
    };
    super(ctx, { ...env, BUS: { put, delete: (key: string) => env.BUS.delete(key) } as unknown as ProjectEnv["BUS"] });
  }
}

// oxlint-disable-next-line import/no-default-export -- a Worker's entry
export default {
  fetch(request: Request, env: ProjectEnv): Response | Promise<Response> {
    return new URL(request.url).pathname === "/counts" ? Response.json(counts) : control.fetch(request, env);
  },
};
