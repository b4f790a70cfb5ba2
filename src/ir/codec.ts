import { canonicalJson, isJsonObject, type JsonObject } from "#base/json.ts";
import { messageOf } from "#base/errors.ts";
import { limits } from "./limits.ts";
import type { Directory, Pointer, Snapshot } from "./snapshot.ts";
import { verifyDirectory, verifyPointer, verifySnapshot } from "./verify.ts";

/**
 * Bytes to configuration and back. The publisher reads what it is about to publish with these same functions, so that what
 * a proxy would refuse is refused before it is on the bus.
 */

/** Canonical JSON in UTF-8: equal snapshots give equal bytes, and so equal digests. */
export function writeSnapshot(snapshot: Snapshot): Uint8Array<ArrayBuffer> {
  return encode(snapshot);
}

/** The snapshot in `bytes`, or where and why they are not one. Never throws. */
export function readSnapshot(bytes: Uint8Array): { readonly snapshot: Snapshot } | { readonly error: string } {
  const read = decode(bytes, verifySnapshot);
  return "error" in read ? read : { snapshot: read.document as unknown as Snapshot };
}

/** Canonical JSON in UTF-8. */
export function writeDirectory(directory: Directory): Uint8Array<ArrayBuffer> {
  return encode(directory);
}

/** The directory in `bytes`, or where and why they are not one. Never throws. */
export function readDirectory(bytes: Uint8Array): { readonly directory: Directory } | { readonly error: string } {
  const read = decode(bytes, verifyDirectory);
  return "error" in read ? read : { directory: read.document as unknown as Directory };
}

/** Canonical JSON in UTF-8. */
export function writePointer(pointer: Pointer): Uint8Array<ArrayBuffer> {
  return encode(pointer);
}

/** The pointer in `bytes`, or where and why they are not one. Never throws. */
export function readPointer(bytes: Uint8Array): { readonly pointer: Pointer } | { readonly error: string } {
  const read = decode(bytes, verifyPointer);
  return "error" in read ? read : { pointer: read.document as unknown as Pointer };
}

function encode(value: Snapshot | Directory | Pointer): Uint8Array<ArrayBuffer> {
  // Never a shared buffer; only the Workers types leave that open.
  return new TextEncoder().encode(canonicalJson(value)) as Uint8Array<ArrayBuffer>;
}

function decode(bytes: Uint8Array, verify: (document: JsonObject) => void): { document: JsonObject } | { error: string } {
  if (bytes.byteLength > limits.snapshotBytes) return { error: `${bytes.byteLength} bytes, more than ${limits.snapshotBytes}` };
  try {
    const document: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
    if (!isJsonObject(document)) return { error: "not a JSON object" };
    verify(document);
    return { document };
  } catch (thrown) {
    return { error: messageOf(thrown) };
  }
}
