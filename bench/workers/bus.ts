/** Stands for Workers KV and the control Worker of one service: one snapshot that never changes. */
import { WorkerEntrypoint } from "cloudflare:workers";

interface Env {
  readonly POINTER: string;
  readonly SNAPSHOT: ArrayBuffer;
}

let calls = 0;

/** The version probe. */
export class Probe extends WorkerEntrypoint<Env> {
  pointers(_project: string, services: readonly string[]): Record<string, unknown> {
    calls += 1;
    return Object.fromEntries(services.map((service) => [service, JSON.parse(this.env.POINTER)]));
  }

  report(): void {
    calls += 1;
  }
}

// oxlint-disable-next-line import/no-default-export -- a Worker's entry
export default {
  /** The protocol of workerd's KV bindings: one GET a key. `/calls` tells how many calls there were. */
  fetch(request: Request, env: Env): Response {
    const { pathname } = new URL(request.url);
    if (pathname === "/calls") return new Response(String(calls));
    calls += 1;
    const key = decodeURIComponent(pathname.slice(1));
    if (key.startsWith("ptr/")) return new Response(env.POINTER);
    return key.startsWith("snap/") ? new Response(env.SNAPSHOT) : new Response(null, { status: 404 });
  },
};
