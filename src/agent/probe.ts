/** The agent's own look at the application: the first verdict comes from here, before any proxy asks. */
import { createConnection } from "node:net";

export interface ProbeTarget {
  readonly host: string;
  readonly port: number;
  /** A path that must answer 200; undefined: accepting a connection is enough. */
  readonly path: string | undefined;
}

const timeoutMs = 2000;

/** Whether the application is well, once. */
export async function probeOnce({ host, port, path }: ProbeTarget): Promise<boolean> {
  if (path === undefined) return accepts(host, port);
  try {
    const authority = host.includes(":") ? `[${host}]` : host;
    const url = `http://${authority}:${port}${path}`;
    const response = await fetch(url, { redirect: "manual", signal: AbortSignal.timeout(timeoutMs) });
    await response.body?.cancel();
    return response.status === 200;
  } catch {
    return false;
  }
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port, timeout: timeoutMs });
    const end = (verdict: boolean): void => {
      socket.destroy();
      resolve(verdict);
    };
    socket
      .on("connect", () => end(true))
      .on("timeout", () => end(false))
      .on("error", () => end(false));
  });
}

/** Failures in a row before an application that was well counts as ill. */
const unhealthyThreshold = 2;

/** The verdict after one more look: well at once, ill only when that is sure. */
export function verdictAfter(before: { readonly healthy: boolean | undefined; readonly failures: number }, ok: boolean): typeof before {
  if (ok) return { healthy: true, failures: 0 };
  const failures = before.failures + 1;
  return { healthy: before.healthy === true && failures < unhealthyThreshold ? true : false, failures };
}
