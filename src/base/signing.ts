/** Ed25519 signatures, with keys and signatures as base64url: how agents prove who they are. */

/** Bytes of base64url text; undefined when it is none. */
function fromBase64Url(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) return undefined;
  try {
    return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.codePointAt(0) ?? 0);
  } catch {
    return undefined;
  }
}

export function toBase64Url(bytes: Uint8Array): string {
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Whether the text is an Ed25519 public key: 32 bytes. */
export function isPublicKey(text: string): boolean {
  return fromBase64Url(text)?.length === 32;
}

/** Whether the owner of the key signed this text. False for whatever is no key or no signature. */
export async function verifyText(publicKey: string, text: string, signature: string): Promise<boolean> {
  const key = fromBase64Url(publicKey);
  const given = fromBase64Url(signature);
  if (key?.length !== 32 || given?.length !== 64) return false;
  try {
    const imported = await crypto.subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]);
    return await crypto.subtle.verify({ name: "Ed25519" }, imported, given, new TextEncoder().encode(text));
  } catch {
    // Bytes that are no point of the curve.
    return false;
  }
}

/** What an agent signs to connect. The epoch only grows, so that nothing said once can be said again. */
export function connectText(claim: {
  readonly project: string;
  readonly group: string;
  readonly name: string;
  readonly epoch: number;
  readonly nonce: string;
}): string {
  const { project, group, name, epoch, nonce } = claim;
  return ["wayside-connect", project, group, name, epoch, nonce].join("\n");
}
