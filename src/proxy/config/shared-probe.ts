import type { Clock } from "#base/clock.ts";
import type { Pointer } from "#ir/snapshot.ts";
import type { Probe } from "./bus-host.ts";
import type { ProxyReport } from "./host.ts";
import { newestOf } from "./refusals.ts";
import { within } from "#base/within.ts";

const timeoutMs = 1_500;

/**
 * One probe for all proxies of a mesh entry: pointers of all services are asked for in one call and answered from memory for a
 * moment, and reports are collected and sent together.
 */
export class SharedProbe implements Probe {
  readonly #probe: Probe;
  readonly #clock: Clock;
  readonly #maxAgeMs: number;
  #asked: { readonly services: ReadonlySet<string>; readonly pointers: Record<string, Pointer> | null; readonly atMs: number } | undefined;
  /** By service and proxy. */
  #reports = new Map<string, ProxyReport>();

  /** `maxAgeMs`: how long an answer of `ask` stands for calls of `pointers`. */
  constructor(probe: Probe, clock: Clock, maxAgeMs: number) {
    this.#probe = probe;
    this.#clock = clock;
    this.#maxAgeMs = maxAgeMs;
  }

  /** Asks for all of these at once. Never throws: a failure is remembered, and is what `pointers` then gives. */
  async ask(project: string, services: readonly string[]): Promise<void> {
    const pointers = await within("the control plane", timeoutMs, () => this.#probe.pointers(project, services)).catch(() => null);
    this.#asked = { services: new Set(services), pointers, atMs: this.#clock.now() };
  }

  async pointers(project: string, services: readonly string[]): Promise<Record<string, Pointer>> {
    const asked = this.#asked;
    const isFresh = asked && this.#clock.now() - asked.atMs <= this.#maxAgeMs && services.every((service) => asked.services.has(service));
    if (!isFresh) return this.#probe.pointers(project, services);
    if (!asked.pointers) throw new Error("the control plane did not answer");
    return asked.pointers;
  }

  /** Keeps the newest report of each proxy for the next `flush`, and the refusals of those before it. */
  async report(_project: string, reports: readonly ProxyReport[]): Promise<void> {
    for (const report of reports) this.#reports.set(keyOf(report), withRefusalsOf(this.#reports.get(keyOf(report)), report));
  }

  /** Sends what was collected; what cannot be sent waits for the next time, unless something newer comes. Never throws. */
  async flush(project: string): Promise<void> {
    if (this.#reports.size === 0) return;
    const sent = this.#reports;
    this.#reports = new Map();
    try {
      await within("the control plane", timeoutMs, () => this.#probe.report(project, [...sent.values()]));
    } catch {
      for (const [key, report] of sent) {
        const newer = this.#reports.get(key);
        this.#reports.set(key, newer ? withRefusalsOf(report, newer) : report);
      }
    }
  }
}

function keyOf({ service, proxy = "" }: ProxyReport): string {
  return `${service} ${proxy}`;
}

function withRefusalsOf(older: ProxyReport | undefined, newer: ProxyReport): ProxyReport {
  return older?.refusals ? { ...newer, refusals: newestOf(older.refusals, newer.refusals ?? []) } : newer;
}
