/**
 * Secrets at rest: AES-256-GCM with a random data key per secret version, the data key wrapped by the master key. Project, name and
 * version are authenticated on both layers, so a blob that was moved to another name or version cannot be opened.
 *
 * Format 1, in bytes: format (1) · master key id (8) · wrap IV (12) · wrapped data key (48) · IV (12) · ciphertext and tag.
 */

const format = 1;
const keyIdLength = 8;
const ivLength = 12;
const tagLength = 16;
const wrappedKeyLength = 32 + tagLength;
const headerLength = 1 + keyIdLength + ivLength + wrappedKeyLength + ivLength;

type Bytes = Uint8Array<ArrayBuffer>;
type AesKey = Awaited<ReturnType<typeof importAesKey>>;

/** The key that wraps data keys. Its id is stored with each sealed blob, so that a blob of another master key is told apart from a broken one. */
export interface MasterKey {
  readonly id: Bytes;
  readonly key: AesKey;
}

/** What a sealed blob belongs to. No part may contain `|`. */
export interface SecretVersionId {
  readonly project: string;
  readonly name: string;
  readonly version: number;
}

/** A blob that cannot be opened: another master key, another name or version, damaged, or of a format this reader does not know. Never holds content. */
export class UnsealError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "UnsealError";
  }
}

/** Reads the binding `MASTER_KEY`: standard base64 of exactly 32 bytes. Throws `TypeError` for anything else, without quoting it. */
export async function importMasterKey(base64: string): Promise<MasterKey> {
  let raw: Bytes | undefined;
  try {
    raw = Uint8Array.from(atob(base64.trim()), (character) => character.charCodeAt(0));
  } catch {
    raw = undefined;
  }
  if (raw?.length !== 32)
    throw new TypeError("MASTER_KEY must be the base64 of exactly 32 random bytes; make one with: openssl rand -base64 32");
  const id = new Uint8Array(await crypto.subtle.digest("SHA-256", joined([utf8("wayside-master-key|"), raw]))).slice(0, keyIdLength);
  return { id, key: await importAesKey(raw) };
}

/** Seals one secret version for storage. Two calls with the same input give different bytes. */
export async function seal(master: MasterKey, id: SecretVersionId, plaintext: Bytes): Promise<Bytes> {
  const dataKey = crypto.getRandomValues(new Uint8Array(32));
  const wrapIv = crypto.getRandomValues(new Uint8Array(ivLength));
  const iv = crypto.getRandomValues(new Uint8Array(ivLength));
  const wrapped = await crypto.subtle.encrypt(gcm(wrapIv, id, "key"), master.key, dataKey);
  const ciphertext = await crypto.subtle.encrypt(gcm(iv, id, "data"), await importAesKey(dataKey), plaintext);
  return joined([Uint8Array.of(format), master.id, wrapIv, new Uint8Array(wrapped), iv, new Uint8Array(ciphertext)]);
}

/** Opens what `seal` made for the same project, name and version. Throws `UnsealError`. */
export async function unseal(master: MasterKey, id: SecretVersionId, sealed: Bytes): Promise<Bytes> {
  if (sealed.length < headerLength + tagLength) throw new UnsealError("the sealed secret is truncated");
  if (sealed[0] !== format) throw new UnsealError(`the sealed secret has format ${sealed[0]}, this reader knows format ${format}`);
  let offset = 1;
  const take = (length: number): Bytes => sealed.subarray(offset, (offset += length));
  if (!take(keyIdLength).every((byte, index) => byte === master.id[index]))
    throw new UnsealError("the secret was sealed with another master key");
  const wrapIv = take(ivLength);
  const wrapped = take(wrappedKeyLength);
  const iv = take(ivLength);
  try {
    const dataKey = await importAesKey(new Uint8Array(await crypto.subtle.decrypt(gcm(wrapIv, id, "key"), master.key, wrapped)));
    return new Uint8Array(await crypto.subtle.decrypt(gcm(iv, id, "data"), dataKey, sealed.subarray(offset)));
  } catch {
    throw new UnsealError("the sealed secret does not belong to this name and version, or is damaged");
  }
}

/** `purpose` keeps a wrapped key from being taken for data sealed by the same key. */
function gcm(iv: Bytes, id: SecretVersionId, purpose: "key" | "data"): { name: "AES-GCM"; iv: Bytes; additionalData: Bytes } {
  const parts = [id.project, id.name, String(id.version)];
  if (parts.some((part) => part.includes("|"))) throw new TypeError("a project or secret name cannot contain |");
  return { name: "AES-GCM", iv, additionalData: utf8([...parts, purpose].join("|")) };
}

function importAesKey(raw: Bytes) {
  return crypto.subtle.importKey("raw", raw, { name: "AES-GCM" }, false, ["encrypt", "decrypt"]);
}

function utf8(text: string): Bytes {
  return new TextEncoder().encode(text) as Bytes;
}

function joined(parts: readonly Bytes[]): Bytes {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
