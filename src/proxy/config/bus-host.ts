import { type MasterKey, unseal } from "#base/seal.ts";
import { readPointer, readSnapshot } from "#ir/codec.ts";
import { keys, type Pointer } from "#ir/snapshot.ts";
import type { MeshLimit } from "#ir/route.ts";
import type { CountTogether } from "../rate-limiter.ts";
import type { IsolateBinding, PointerReading, ProxyReport } from "./host.ts";
import { within } from "#base/within.ts";

/** The bus: Workers KV, or what imitates its faults. */
export interface KvReader {
  /** The value's bytes; null where there is none or it is not visible here yet. */
  get(key: string): Promise<ArrayBuffer | null>;
}

/** The control Worker's entrypoint `Bus`, as a proxy calls it: fresher than KV, and allowed to be away. */
export interface Probe {
  pointers(project: string, services: readonly string[]): Promise<Record<string, Pointer>>;
  report(project: string, reports: readonly ProxyReport[]): Promise<void>;
}

export interface BusHostOptions {
  readonly project: string;
  readonly service: string;
  readonly kv: KvReader;
  readonly probe: Probe;
  /** Opens sealed secrets; without it, or when it is none, every secret is unavailable. */
  readonly masterKey?: MasterKey | Promise<MasterKey>;
  /** Delivers one OTLP/JSON body; absent: spans go nowhere, by choice, and are not counted as lost. */
  readonly sendSpans?: (body: string) => Promise<boolean>;
  /** Absent: there are no shared counters. */
  readonly countTogether?: CountTogether;
}

/** Shorter than the caller's own deadline, so that one source that hangs does not cost the answer of the other. */
const sourceTimeoutMs = 1_500;
const digestPattern = /^[0-9a-f]{64}$/;

/**
 * One service's `ProxyHost` over the bus. It reads the keys of that service and no others, and of secrets only versions that a
 * snapshot of the service names: an isolate that holds this holds nothing else.
 */
export class BusHost implements IsolateBinding {
  readonly #options: BusHostOptions;
  #named: ReadonlySet<string> = new Set();

  constructor(options: BusHostOptions) {
    this.#options = options;
  }

  /** KV and the probe are asked at once; the higher generation counts. */
  async pointer(): Promise<PointerReading> {
    const [fromKv, fromProbe] = await Promise.allSettled([
      within("KV", sourceTimeoutMs, () => this.#storedPointer()),
      within("the control plane", sourceTimeoutMs, () => this.#probedPointer()),
    ]);
    const candidates = [fromKv, fromProbe].flatMap((result) => (result.status === "fulfilled" && result.value ? [result.value] : []));
    candidates.sort((a, b) => b.generation - a.generation);
    return { pointer: candidates[0] ?? null, complete: fromKv.status === "fulfilled" && fromProbe.status === "fulfilled" };
  }

  async snapshot(digest: string): Promise<ArrayBuffer | null> {
    if (!digestPattern.test(digest)) return null;
    const { project, service, kv } = this.#options;
    const bytes = await kv.get(keys.snapshot(project, service, digest));
    if (bytes) this.#learn(bytes);
    return bytes;
  }

  async secret(name: string, version: number): Promise<string | null> {
    const { project, kv, masterKey } = this.#options;
    if (!masterKey || !(await this.#isNamed(name, version))) return null;
    const sealed = await kv.get(keys.secret(project, name, version));
    if (!sealed) return null;
    try {
      const plaintext = await unseal(await masterKey, { project, name, version }, new Uint8Array(sealed));
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(plaintext);
    } catch {
      return null;
    }
  }

  async report(report: ProxyReport): Promise<void> {
    // The service is said by who calls, not by what is called with.
    await this.#options.probe.report(this.#options.project, [{ ...report, service: this.#options.service }]);
  }

  async exportSpans(body: string): Promise<boolean> {
    return this.#options.sendSpans ? this.#options.sendSpans(body) : true;
  }

  async count(limit: MeshLimit, value: string): Promise<boolean> {
    const { countTogether } = this.#options;
    if (!countTogether) throw new Error("there are no shared counters");
    return countTogether(limit, value);
  }

  async #storedPointer(): Promise<Pointer | null> {
    const { project, service, kv } = this.#options;
    const bytes = await kv.get(keys.pointer(project, service));
    if (!bytes) return null;
    const read = readPointer(new Uint8Array(bytes));
    if ("error" in read) throw new Error(`the pointer of ${service} is malformed: ${read.error}`);
    return read.pointer;
  }

  async #probedPointer(): Promise<Pointer | null> {
    const { project, service, probe } = this.#options;
    const pointers = await probe.pointers(project, [service]);
    return Object.hasOwn(pointers, service) ? (pointers[service] ?? null) : null;
  }

  async #isNamed(name: string, version: number): Promise<boolean> {
    const use = `${name}/${version}`;
    if (this.#named.has(use)) return true;
    // A host that was started after its proxy has not seen the snapshot yet.
    const { pointer } = await this.pointer();
    if (pointer) await this.snapshot(pointer.digest);
    return this.#named.has(use);
  }

  #learn(bytes: ArrayBuffer): void {
    const read = readSnapshot(new Uint8Array(bytes));
    if ("error" in read) return;
    this.#named = new Set(read.snapshot.secrets.flatMap((use) => (use.version === null ? [] : [`${use.name}/${use.version}`])));
  }
}
