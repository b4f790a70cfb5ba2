/** The listeners that an agent was asked for: started with it, told of, handed over to the next agent, and closed. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "#base/clock.ts";
import { UserError } from "#base/errors.ts";
import { collector } from "#telemetry/collector.ts";
import { SpanExporter } from "#telemetry/exporter.ts";
import type { Span } from "#telemetry/span.ts";
import { writePrivate } from "./identity.ts";
import { readKeyFiles, watchKeyFiles } from "./inbound/key-files.ts";
import { startInbound, type InboundListener } from "./inbound/listener.ts";
import type { Closing, Counts, ListeningSocket } from "./http/strict-server.ts";
import { finishWithinMs } from "./retry.ts";
import { startOutbound, type OutboundListener } from "./outbound/listener.ts";
import { MeshNames } from "./outbound/mesh-names.ts";
import { startResolver, type Resolver } from "./resolver/server.ts";

/** Which there are to be. Ports of 0 are any free one. */
export interface ListenerOptions {
  readonly inbound?: {
    readonly address: string;
    readonly port: number;
    readonly app: { readonly host: string; readonly port: number };
    /** Paths of files with the keys that count, the newest first. */
    readonly keyFiles: readonly string[];
    readonly healthPath?: string;
  };
  /** `mesh`: origin of the mesh entry. */
  readonly outbound?: { readonly port: number; readonly mesh: string };
  readonly resolver?: { readonly port: number };
  /** OTLP/HTTP collector of their spans. */
  readonly otlp?: string;
}

export interface ListenersStart {
  readonly options: ListenerOptions;
  /** State folder of the agent. */
  readonly folder: string;
  /** The host patterns of the project's services; throws while nobody can be asked. */
  readonly services: () => Promise<readonly string[]>;
  readonly inherited: Inheritance;
  readonly log: (line: string) => void;
}

/** Sockets that an agent listens on, by the listener's name, on their way to the next agent. */
export type ListeningSockets = Readonly<Partial<Record<"inbound" | "outbound", ListeningSocket>>>;

/** What the listeners of one agent leave to those of the next. */
export interface Inheritance {
  readonly sockets?: ListeningSockets;
  readonly counts?: Readonly<Partial<Record<"inbound" | "outbound", Counts>>>;
}

/** A proxy or program that keeps connections lets go of one that was idle for five seconds (kj, most HTTP clients). */
const lingerMs = 6_000;

export class Listeners {
  readonly #start: ListenersStart;
  readonly #names: MeshNames;
  readonly #exporter: SpanExporter | undefined;
  #inbound: InboundListener | undefined;
  #outbound: OutboundListener | undefined;
  #resolver: Resolver | undefined;
  #stopWatching: () => void = () => undefined;

  private constructor(start: ListenersStart) {
    this.#start = start;
    this.#names = new MeshNames({ learn: () => this.#learn() });
    const { otlp } = start.options;
    const resource = { "service.name": "wayside-agent" };
    this.#exporter = otlp === undefined ? undefined : new SpanExporter({ clock: systemClock, resource, send: collector(otlp) });
  }

  /** Starts all of them. Rejects with `UserError` for what cannot be, and when a port is not to be had; none is left then. */
  static async start(start: ListenersStart): Promise<Listeners> {
    const listeners = new Listeners(start);
    try {
      await listeners.#startAll();
      return listeners;
    } catch (failure) {
      await listeners.close();
      throw faultOf(failure);
    }
  }

  /** Where they listen, for people; empty when there are none. */
  describe(): Readonly<Record<string, string>> {
    const { inbound, outbound } = this.#start.options;
    const app = inbound && `${inbound.app.host}:${inbound.app.port}`;
    return {
      ...(this.#inbound && inbound && { inbound: `${inbound.address}:${this.#inbound.port}, to ${app}` }),
      ...(this.#outbound && outbound && { outbound: `127.0.0.1:${this.#outbound.port}, to ${outbound.mesh}` }),
      ...(this.#resolver && { resolver: `127.0.0.1:${this.#resolver.port}` }),
    };
  }

  /** Requests so far, by what came of them. */
  counts(): NonNullable<Inheritance["counts"]> {
    return {
      ...(this.#inbound && { inbound: this.#inbound.counts() }),
      ...(this.#outbound && { outbound: this.#outbound.counts() }),
    };
  }

  get sockets(): ListeningSockets {
    return {
      ...(this.#inbound?.socket && { inbound: this.#inbound.socket }),
      ...(this.#outbound?.socket && { outbound: this.#outbound.socket }),
    };
  }

  /** Learns the names of the mesh now: there is somebody to be asked. */
  async learnNames(): Promise<void> {
    if (this.#outbound) await this.#names.refresh();
  }

  /** Ends them: the mesh sends nothing here any more. */
  async close(): Promise<void> {
    await this.#close({ graceMs: 1_000 });
  }

  /** Another process accepts from the same sockets: what is under way here is finished, and connections are given up behind an answer. */
  async giveWay(): Promise<void> {
    await this.#close({ graceMs: finishWithinMs, lingerMs });
  }

  async #close(closing: Closing): Promise<void> {
    this.#stopWatching();
    this.#names.stop();
    // First, and without a rest: the next process is waiting for its port.
    await this.#resolver?.close();
    await Promise.all([this.#inbound?.close(closing), this.#outbound?.close(closing)]);
    await this.#exporter?.flush();
  }

  async #startAll(): Promise<void> {
    const { inherited, log, options } = this.#start;
    const { counts = {}, sockets = {} } = inherited;
    const { inbound, outbound, resolver } = options;
    const record = this.#exporter && { onSpan: (span: Span) => this.#record(span) };
    if (inbound) {
      const { address, port, keyFiles, ...rest } = inbound;
      const listen = sockets.inbound ? { socket: sockets.inbound } : { address, port };
      const more = { ...record, ...(counts.inbound && { counts: counts.inbound }) };
      const started = await startInbound({ ...rest, listen, keys: readKeyFiles(keyFiles), ...more });
      this.#inbound = started;
      this.#stopWatching = watchKeyFiles(keyFiles, (keys) => started.setKeys(keys), log);
    }
    if (!outbound) return;
    const isMeshName = (host: string, port?: number): boolean => this.#names.has(host, port);
    const more = { ...record, ...(counts.outbound && { counts: counts.outbound }) };
    const socket = sockets.outbound && { inherited: sockets.outbound };
    this.#outbound = await startOutbound({ ...outbound, ...socket, isMeshName, ...more });
    if (resolver) this.#resolver = await retried(() => startResolver({ ...resolver, isMeshName }));
    await this.#names.start();
  }

  #record(span: Span): void {
    this.#exporter?.record(span);
    void this.#exporter?.schedule();
  }

  /** What was learned is kept for the next start, which may be while nobody can be asked. */
  async #learn(): Promise<readonly string[]> {
    const file = join(this.#start.folder, "mesh-names.json");
    try {
      const services = await this.#start.services();
      writePrivate(file, JSON.stringify(services));
      return services;
    } catch (failure) {
      if (this.#names.isKnown) throw failure;
      return JSON.parse(readFileSync(file, "utf8")) as string[];
    }
  }
}

/** A port that is not to be had is the caller's to choose. */
function faultOf(failure: unknown): unknown {
  const { code, address, port } = failure as NodeJS.ErrnoException & { readonly address?: string; readonly port?: number };
  if (code !== "EADDRINUSE" && code !== "EADDRNOTAVAIL" && code !== "EACCES") return failure;
  const why = { EADDRINUSE: "is taken", EADDRNOTAVAIL: "is none of this machine", EACCES: "is not for this user" }[code];
  const message = `${address ?? "The address"}:${port ?? ""} ${why}; choose another for the listener.`;
  return new UserError({ code: "failedPrecondition", field: "listener", message });
}

/** The process before gives its port up a moment before it is gone. */
async function retried<T>(start: () => Promise<T>): Promise<T> {
  for (let left = 20; ; left--) {
    try {
      return await start();
    } catch (failure) {
      const isTaken = failure instanceof Error && "code" in failure && failure.code === "EADDRINUSE";
      if (!isTaken || left === 0) throw failure;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
