import { type Random, randomHex, toHex } from "./random.ts";

/**
 * How a proxy of the mesh shows a VM's inbound listener that a request is its own: HMAC-SHA-256 with a key that both have, over method,
 * authority, path, time and a nonce. Headers other than these, and bodies, are not covered.
 */

export const signatureHeader = "x-wayside-signature";

/** What is signed of a request, as it stands on the wire. */
export interface SignedRequest {
  readonly method: string;
  /** Value of `x-forwarded-host`. */
  readonly authority: string;
  /** Path and query. */
  readonly target: string;
}

/** When and as which one of many a request was signed. */
export interface Stamp {
  /** Whole seconds since the Unix epoch, by the clock of the proxy. */
  readonly timeSec: number;
  /** 24 hexadecimal digits, never the same twice. */
  readonly nonce: string;
}

export interface Signature extends Stamp {
  /** HMAC-SHA-256, 64 hexadecimal digits. */
  readonly mac: string;
}

/** Shorter keys could be guessed. */
export const shortestKey = 16;
const nonceBytes = 12;
const pattern = /^v1,(\d{1,12}),([0-9a-f]{24}),([0-9a-f]{64})$/;
const encoder = new TextEncoder();

/** The text that the MAC is of. None of its parts can hold a line break, so that no two requests have the same. */
export function signedText({ method, authority, target }: SignedRequest, { timeSec, nonce }: Stamp): string {
  return ["wayside-request-v1", timeSec, nonce, method, authority, target].join("\n");
}

/** Undefined when it is no signature of this version. */
export function parseSignature(value: string): Signature | undefined {
  const match = pattern.exec(value);
  if (!match) return undefined;
  const [, timeSec = "", nonce = "", mac = ""] = match;
  return { timeSec: Number(timeSec), nonce, mac };
}

/** Value of `x-wayside-signature`. */
export function formatSignature({ timeSec, nonce, mac }: Signature): string {
  return `v1,${timeSec},${nonce},${mac}`;
}

/**
 * The bytes of a key that is kept as text in a secret: without line ends behind it, which files often have. Undefined when fewer than 16 are left.
 */
export function signingKeyBytes(text: string): Uint8Array<ArrayBuffer> | undefined {
  const bytes = Uint8Array.from(encoder.encode(text.replace(/[\r\n]+$/, "")));
  return bytes.length < shortestKey ? undefined : bytes;
}

/** For HMAC-SHA-256. */
export type SigningKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

/** For `signRequest`; undefined when the text is too short for a key. */
export async function importSigningKey(text: string): Promise<SigningKey | undefined> {
  const bytes = signingKeyBytes(text);
  if (!bytes) return undefined;
  return crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
}

export interface Signer {
  readonly key: SigningKey;
  readonly nowMs: number;
  readonly random: Random;
}

/** Value of `x-wayside-signature` for one sending of the request. */
export async function signRequest(request: SignedRequest, { key, nowMs, random }: Signer): Promise<string> {
  const stamp = { timeSec: Math.floor(nowMs / 1000), nonce: randomHex(random, nonceBytes) };
  const mac = await crypto.subtle.sign("HMAC", key, encoder.encode(signedText(request, stamp)));
  return formatSignature({ ...stamp, mac: toHex(new Uint8Array(mac)) });
}
