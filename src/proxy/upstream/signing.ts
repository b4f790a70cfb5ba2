import type { Clock } from "#base/clock.ts";
import type { Random } from "#base/random.ts";
import { signatureHeader, type SigningKey, signRequest } from "#base/request-signature.ts";
import type { SecretBook } from "../config/secret-book.ts";

/** Signatures of requests to instances whose agents take requests of the mesh only. Where no group asks for them, nothing here runs. */

/** Keys by the name of their secret. */
export type SigningKeys = ReadonlyMap<string, SigningKey>;

/** The keys of `names`; the name of the first that is unavailable, or too short to be one, in their place. */
export async function signingKeysOf(names: readonly string[], secrets: SecretBook): Promise<SigningKeys | { readonly missing: string }> {
  const keys = new Map<string, SigningKey>();
  for (const name of names) {
    const key = await secrets.signingKey(name);
    if (!key) return { missing: name };
    keys.set(name, key);
  }
  return keys;
}

/** One attempt, as far as it is signed. */
interface Outgoing {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
}

/** What signatures are made of besides the request. */
export interface Signing {
  readonly key: SigningKey;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * A copy of the headers with a signature of this one sending. The copy is made before anything is waited for: attempts share their headers, and
 * the next may write its own trace context into them.
 */
export async function signedHeaders({ url, method, headers }: Outgoing, { key, clock, random }: Signing): Promise<Headers> {
  const copy = new Headers(headers);
  const { pathname, search } = new URL(url);
  const request = { method, authority: copy.get("x-forwarded-host") ?? "", target: pathname + search };
  copy.set(signatureHeader, await signRequest(request, { key, nowMs: clock.now(), random }));
  return copy;
}
