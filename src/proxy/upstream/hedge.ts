import type { HedgePolicy } from "#ir/route.ts";
import { type AttemptResult, discard } from "./attempt.ts";
import type { Attempts, Call, Sent } from "./attempts.ts";

/**
 * Hedging: an attempt that is slow gets another beside it, on another instance, and whoever answers first has answered ("The Tail at Scale";
 * Envoy's `hedge_policy`, gRPC's hedging). Only for what may be done twice, and with places of the retry budget, so that hedges
 * cannot multiply an overload.
 */

export interface Hedging {
  readonly attempts: Attempts;
  readonly first: Sent;
  readonly hedge: HedgePolicy;
  readonly call: Pick<Call, "state" | "body">;
  /** Whether this result is the answer, whatever the others will say. */
  readonly isFinal: (result: AttemptResult) => boolean;
}

export interface HedgedResult {
  readonly sent: Sent;
  readonly result: AttemptResult;
}

/** Waits for the first final result, sending hedges meanwhile; the result of the last to fail when none is. The others are given up. */
export async function hedged(hedging: Hedging): Promise<HedgedResult> {
  const race = new Race(hedging);
  try {
    return await race.run();
  } finally {
    race.close();
  }
}

class Race {
  readonly #hedging: Hedging;
  readonly #running = new Map<Sent, Promise<HedgedResult>>();
  readonly #leaves: (() => void)[] = [];
  #mayHedge = true;
  #failed: HedgedResult | undefined;

  constructor(hedging: Hedging) {
    this.#hedging = hedging;
    this.#enter(hedging.first);
  }

  async run(): Promise<HedgedResult> {
    const { attempts, isFinal } = this.#hedging;
    for (;;) {
      const next = await this.#next();
      if (next === undefined) {
        await this.#sendHedge();
        continue;
      }
      this.#running.delete(next.sent);
      if (attempts.lifetime.ended || isFinal(next.result)) return next;
      // What could not keep up with the request's body says nothing of the request.
      if (next.result.kind !== "ended") this.#keep(next);
      if (this.#running.size === 0) return this.#failed ?? next;
      // One fewer is under way: no reason to wait for another sign (gRPC: a failure brings the next hedge forward).
      await this.#sendHedge();
    }
  }

  /** Gives up what is still under way, and what was kept in vain. */
  close(): void {
    for (const [sent, result] of this.#running) {
      sent.stop();
      void result.then((late) => release(late));
    }
    for (const leave of this.#leaves) leave();
  }

  /** The next result; undefined when it is time for a hedge. */
  async #next(): Promise<HedgedResult | undefined> {
    if (!this.#canHedge()) return Promise.race(this.#running.values());
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), this.#hedging.hedge.afterMs);
    });
    try {
      return await Promise.race([...this.#running.values(), late]);
    } finally {
      if (timer !== undefined) clearTimeout(timer);
    }
  }

  #canHedge(): boolean {
    const { attempts, hedge, call } = this.#hedging;
    return this.#mayHedge && attempts.sent < hedge.attempts && call.body.isReplayable;
  }

  async #sendHedge(): Promise<void> {
    if (!this.#canHedge()) return;
    const { attempts, call } = this.#hedging;
    const leave = call.state.budget.retry();
    const sent = leave ? await attempts.send() : undefined;
    if (leave && sent && "target" in sent) {
      this.#leaves.push(leave);
      this.#enter(sent);
      return;
    }
    leave?.();
    this.#mayHedge = false;
  }

  #enter(sent: Sent): void {
    this.#running.set(
      sent,
      sent.result.then((result) => ({ sent, result })),
    );
  }

  #keep(failed: HedgedResult): void {
    if (this.#failed) release(this.#failed);
    this.#failed = failed;
  }
}

function release({ sent, result }: HedgedResult): void {
  if (result.kind === "response") discard(result.response);
  sent.over();
}
