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
async function probeOnce({ host, port, path }: ProbeTarget): Promise<boolean> {
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

const probeEveryMs = 1000;

/** Looks at the application again and again. */
export class ApplicationProbe {
  readonly #target: ProbeTarget | undefined;
  readonly #changed: (isHealthy: boolean) => void;
  #verdict: ReturnType<typeof verdictAfter>;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  /** `changed` is told each new verdict. Without a target there is none. */
  constructor(target: ProbeTarget | undefined, changed: (isHealthy: boolean) => void) {
    this.#target = target;
    this.#changed = changed;
    // Nothing is sent to an application that has not yet been seen to be well.
    this.#verdict = { healthy: target === undefined ? undefined : false, failures: 0 };
  }

  /** Undefined: nobody can tell. */
  get healthy(): boolean | undefined {
    return this.#verdict.healthy;
  }

  start(): void {
    if (this.#target) void this.#look(this.#target);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async #look(target: ProbeTarget): Promise<void> {
    const ok = await probeOnce(target);
    if (this.#isStopped) return;
    const { healthy: before } = this.#verdict;
    this.#verdict = verdictAfter(this.#verdict, ok);
    const { healthy } = this.#verdict;
    if (healthy !== undefined && healthy !== before) this.#changed(healthy);
    this.#timer = setTimeout(() => void this.#look(target), probeEveryMs);
  }
}
