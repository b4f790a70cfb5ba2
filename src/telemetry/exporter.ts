import type { Clock } from "#base/clock.ts";
import { within } from "#base/within.ts";
import { encodeSpans, type Resource } from "./otlp.ts";
import type { Span } from "./span.ts";

export interface ExporterOptions {
  readonly clock: Clock;
  readonly resource: Resource;
  /** Delivers one body; false or a throw: not delivered. May hang: the caller's own deadline is `sendTimeoutMs`. */
  readonly send: (body: string) => Promise<boolean>;
  /** Spans kept while the collector is slow; more are dropped. Default 2,048. */
  readonly capacity?: number;
  /** Spans of one body. Default 512. */
  readonly batchSize?: number;
  /** How long spans are collected before they are sent. Default 500 ms. */
  readonly delayMs?: number;
  readonly sendTimeoutMs?: number;
}

/**
 * Collects finished spans and delivers them behind the requests. A collector that is slow or dead costs memory for `capacity` spans and
 * one call at a time, and nothing but spans is lost; how many is counted.
 */
export class SpanExporter {
  readonly #options: Required<ExporterOptions>;
  readonly #spans: Span[] = [];
  #dropped = 0;
  /** Until when a flush may be believed to be under way: its request can have ended and taken it along. */
  #busyUntilMs = 0;

  constructor(options: ExporterOptions) {
    this.#options = { capacity: 2_048, batchSize: 512, delayMs: 500, sendTimeoutMs: 2_000, ...options };
  }

  /** Spans that were not delivered, since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  record(span: Span): void {
    if (this.#spans.length >= this.#options.capacity) this.#dropped += 1;
    else this.#spans.push(span);
  }

  /** Sends what is there after the delay. Undefined when there is nothing, or a flush is coming anyway: for `waitUntil`. */
  schedule(): Promise<void> | undefined {
    const { clock, delayMs, sendTimeoutMs } = this.#options;
    if (this.#spans.length === 0 || clock.now() < this.#busyUntilMs) return undefined;
    this.#busyUntilMs = clock.now() + delayMs + sendTimeoutMs + delayMs;
    return new Promise<void>((resolve) => setTimeout(resolve, delayMs)).then(() => this.flush());
  }

  /** Sends what is there, batch after batch, until the collector fails to take one: that one is lost, the rest waits. Never throws. */
  async flush(): Promise<void> {
    const { clock, batchSize, delayMs, sendTimeoutMs } = this.#options;
    let delivered = true;
    while (delivered && this.#spans.length > 0) {
      this.#busyUntilMs = clock.now() + sendTimeoutMs + delayMs;
      const batch = this.#spans.splice(0, batchSize);
      delivered = await this.#send(batch);
      if (!delivered) this.#dropped += batch.length;
    }
    this.#busyUntilMs = 0;
  }

  async #send(batch: readonly Span[]): Promise<boolean> {
    const { resource, send, sendTimeoutMs } = this.#options;
    try {
      return await within("the collector", sendTimeoutMs, () => send(encodeSpans(resource, batch)));
    } catch {
      return false;
    }
  }
}
