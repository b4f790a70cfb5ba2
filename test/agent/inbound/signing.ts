/** Requests as a proxy of the mesh signs them. */
import { systemRandom } from "#base/random.ts";
import { importSigningKey, signatureHeader, signRequest } from "#base/request-signature.ts";

export const key = "a-key-of-the-group-0123456789";
export const authority = "cart.shop.mesh";

export interface Wish {
  readonly method?: string;
  readonly authority?: string;
  readonly key?: string;
  readonly nowMs?: number;
}

async function signatureOf(target: string, wish: Wish = {}): Promise<string> {
  const imported = await importSigningKey(wish.key ?? key);
  if (!imported) throw new Error("too short for a key");
  const request = { method: wish.method ?? "GET", authority: wish.authority ?? authority, target };
  return signRequest(request, { key: imported, nowMs: wish.nowMs ?? Date.now(), random: systemRandom });
}

/** The fields that a proxy adds. */
export async function signedFields(target: string, wish: Wish = {}): Promise<Record<string, string>> {
  return { "x-forwarded-host": wish.authority ?? authority, [signatureHeader]: await signatureOf(target, wish) };
}

/** The same as lines of a request written by hand. */
export async function signedLines(target: string, wish: Wish = {}): Promise<string> {
  const fields = await signedFields(target, wish);
  return Object.entries(fields)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join("");
}
