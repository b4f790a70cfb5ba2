import type { Clock } from "#base/clock.ts";
import { messageOf } from "#base/errors.ts";
import { sha256Hex } from "#base/hash.ts";
import type { Random } from "#base/random.ts";
import { writePointer } from "#ir/codec.ts";
import { keys } from "#ir/snapshot.ts";
import type { Ledger } from "./ledger.ts";
import { backoffMs, planPublish, type PublishAction } from "./plan.ts";
import type { SecretOutbox } from "./secret-outbox.ts";

/** Workers KV, as far as the publisher needs it. Both may fail; nothing is lost by it. */
export interface BusWriter {
  put(key: string, value: Uint8Array<ArrayBuffer>): Promise<void>;
  delete(key: string): Promise<void>;
}

export interface PublisherPorts {
  readonly project: string;
  readonly ledger: Ledger;
  readonly secrets: SecretOutbox;
  readonly bus: BusWriter;
  readonly clock: Clock;
  readonly random: Random;
}

/** Cloudflare lets six connections wait at once. */
const parallelWrites = 6;

const phases = ["putSecret", "snapshot", "pointer", "deleteSecret", "collect"] as const satisfies readonly PublishAction["kind"][];

/** Carries out what `planPublish` decides. One pass at a time: the caller sees to it. */
export class Publisher {
  readonly #ports: PublisherPorts;

  constructor(ports: PublisherPorts) {
    this.#ports = ports;
  }

  /** Does what is due, at most `limit` writes, and never throws: a failed write is postponed. Returns the number of writes, and when to look again. */
  async pass(limit: number): Promise<{ readonly writes: number; readonly wakeAtMs?: number }> {
    const { ledger, secrets, clock } = this.#ports;
    const plan = planPublish({ ...ledger.state(), secretWrites: secrets.pending() }, clock.now());
    const actions = plan.actions.slice(0, limit);
    for (const phase of phases) {
      const queue = actions.filter((action) => action.kind === phase);
      const worker = async (): Promise<void> => {
        for (let action = queue.shift(); action; action = queue.shift()) await this.#attempt(action);
      };
      await Promise.all(Array.from({ length: Math.min(parallelWrites, queue.length) }, worker));
    }
    return { writes: actions.length, ...(plan.wakeAtMs !== undefined && { wakeAtMs: plan.wakeAtMs }) };
  }

  async #attempt(action: PublishAction): Promise<void> {
    try {
      await this.#perform(action);
    } catch (failure) {
      this.#postpone(action, messageOf(failure));
    }
  }

  #perform(action: PublishAction): Promise<void> {
    switch (action.kind) {
      case "putSecret":
      case "deleteSecret":
        return this.#writeSecret(action);
      case "snapshot":
        return this.#putSnapshot(action.service);
      case "pointer":
        return this.#putPointer(action.service);
      case "collect":
        return this.#collect(action.key);
    }
  }

  async #writeSecret({ kind, name, version }: PublishAction & { kind: "putSecret" | "deleteSecret" }): Promise<void> {
    const { bus, secrets, project } = this.#ports;
    const key = keys.secret(project, name, version);
    const sealed = kind === "putSecret" ? secrets.sealed(name, version) : undefined;
    if (sealed) await bus.put(key, sealed);
    else await bus.delete(key);
    secrets.markWritten({ name, version, operation: kind === "putSecret" ? "put" : "delete" });
  }

  async #putSnapshot(service: string): Promise<void> {
    const { bus, ledger, project, clock } = this.#ports;
    const newest = ledger.newest(service);
    const bytes = ledger.bytes(service);
    // Removed since the plan was made.
    if (!newest || !bytes) return;
    const digest = await sha256Hex(bytes);
    await bus.put(keys.snapshot(project, service, digest), bytes);
    ledger.markStored(service, { ...newest, digest, bytes: bytes.length }, clock.now());
  }

  async #putPointer(service: string): Promise<void> {
    const { bus, ledger, project, clock } = this.#ports;
    const pointer = ledger.pointers([service])[service];
    if (!pointer) return;
    ledger.markPointing(service, clock.now());
    await bus.put(keys.pointer(project, service), writePointer(pointer));
    ledger.markPointed(service, pointer.generation);
  }

  async #collect(key: string): Promise<void> {
    const { bus, ledger } = this.#ports;
    if (!ledger.isGarbage(key)) return;
    await bus.delete(key);
    ledger.markCollected(key);
  }

  #postpone(action: PublishAction, message: string): void {
    const { ledger, secrets, clock, random } = this.#ports;
    const retryAt = (attempts: number): number => clock.now() + backoffMs(attempts + 1, random.float());
    switch (action.kind) {
      case "putSecret":
      case "deleteSecret":
        return secrets.markFailed(action, retryAt(secrets.attempts(action)));
      case "snapshot":
      case "pointer":
        return ledger.markFailed(action.service, { message, notBeforeMs: retryAt(ledger.attempts(action.service)) });
      case "collect":
        return ledger.postponeCollection(action.key, retryAt(Number.MAX_SAFE_INTEGER));
    }
  }
}
