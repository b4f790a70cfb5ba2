import { toHex } from "./random.ts";

/** SHA-256 of bytes or UTF-8 text, lower-case hexadecimal. Addresses snapshots. */
export async function sha256Hex(data: Uint8Array<ArrayBuffer> | string): Promise<string> {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  return toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
}

/** 64-bit FNV-1a of UTF-8 text as 8 bytes, most significant first. Synchronous; for fingerprints, never for trust. */
export function fnv1a64(text: string): Uint8Array<ArrayBuffer> {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, hash);
  return bytes;
}
