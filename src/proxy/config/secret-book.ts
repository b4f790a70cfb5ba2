import type { Clock } from "#base/clock.ts";
import { Redacted } from "#base/redacted.ts";
import { importSigningKey, type SigningKey } from "#base/request-signature.ts";
import { within } from "#base/within.ts";
import type { SecretUse } from "#ir/snapshot.ts";
import type { ProxyHost } from "./host.ts";

interface Entry {
  /** The version that the snapshot asks for. */
  readonly version: number | null;
  readonly value: Redacted | undefined;
  /** When the version that is asked for was first missed; absent: it is here. */
  readonly missingSinceMs?: number;
}

const secretTimeoutMs = 2_000;
/** A Worker has six connections that may wait for an answer; requests need some of them. */
const secretsAtOnce = 2;
/** Longer than KV takes to show a new key everywhere. */
const previousVersionMs = 120_000;

/** Values outlive the books that they are in. */
const signingKeys = new WeakMap<Redacted, Promise<SigningKey | undefined>>();

/** The plaintexts that one configuration needs: immutable, and made before the configuration is put in force. */
export class SecretBook {
  readonly #entries: ReadonlyMap<string, Entry>;

  private constructor(entries: ReadonlyMap<string, Entry>) {
    this.#entries = entries;
  }

  /**
   * Gets what `uses` names; versions that `previous` has are taken from there. A version that is not to be had stands for the one before
   * it for up to two minutes, so that a rotation costs no request while its new version is on its way; after that, and for a secret without
   * any enabled version, there is none.
   */
  static async load(uses: readonly SecretUse[], previous: SecretBook | undefined, source: SecretSource): Promise<SecretBook> {
    const before = previous ? previous.#entries : new Map<string, Entry>();
    const entries = new Map<string, Entry>();
    const waiting = [...uses];
    const work = async (): Promise<void> => {
      for (let use = waiting.shift(); use; use = waiting.shift()) entries.set(use.name, await load(use, before.get(use.name), source));
    };
    await Promise.all(Array.from({ length: secretsAtOnce }, work));
    return new SecretBook(entries);
  }

  /** Plaintext of the secret; undefined when it is unavailable. */
  reveal(name: string): string | undefined {
    return this.#entries.get(name)?.value?.reveal();
  }

  /** The secret as a key that requests are signed with; undefined when it is unavailable, or too short for one. Each version is imported once. */
  async signingKey(name: string): Promise<SigningKey | undefined> {
    const value = this.#entries.get(name)?.value;
    if (!value) return undefined;
    const known = signingKeys.get(value);
    if (known) return known;
    const importing = importSigningKey(value.reveal());
    signingKeys.set(value, importing);
    return importing;
  }

  /** Whether a version that is asked for is not here, so that it is to be looked for again. */
  get isIncomplete(): boolean {
    return [...this.#entries.values()].some((entry) => entry.missingSinceMs !== undefined);
  }
}

export interface SecretSource {
  readonly host: Pick<ProxyHost, "secret">;
  readonly clock: Clock;
}

async function load({ name, version }: SecretUse, previous: Entry | undefined, source: SecretSource): Promise<Entry> {
  // No version is enabled: what was used before was disabled or destroyed, and must not be used a moment longer.
  if (version === null) return { version, value: undefined };
  if (previous?.version === version && previous.missingSinceMs === undefined) return previous;
  const plaintext = await within(`secret ${name}`, secretTimeoutMs, () => source.host.secret(name, version)).catch(() => null);
  if (plaintext !== null) return { version, value: new Redacted(plaintext) };
  const nowMs = source.clock.now();
  const missingSinceMs = previous?.version === version ? (previous.missingSinceMs ?? nowMs) : nowMs;
  const value = nowMs - missingSinceMs < previousVersionMs ? previous?.value : undefined;
  return { version, value, missingSinceMs };
}
