import { UserError } from "#base/errors.ts";
import { isJsonObject, type Json } from "#base/json.ts";
import { crc32c } from "./crc32c.ts";

/** Google's limit of a secret version's payload. */
const maxPayloadBytes = 65_536;

/** What a caller of `addVersion` sent: the one place where plaintext of a secret is taken out of a command. */
export interface Payload {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The caller sent a checksum, and it was right. */
  readonly checked: boolean;
}

/**
 * Reads `{payload: {data, dataCrc32c?}}`. Faults name the field and never what was in it.
 * Errors: `UserError` for a missing or malformed payload, one above 64 KiB, or a checksum that does not fit.
 */
export function readPayload(body: Json | undefined): Payload {
  const payload = isJsonObject(body) ? body["payload"] : undefined;
  const data = isJsonObject(payload) ? payload["data"] : undefined;
  if (typeof data !== "string") {
    throw new UserError({
      code: "required",
      field: "payload.data",
      message: "Field [payload.data] is required: the secret's bytes in base64.",
    });
  }
  const bytes = decodeBase64(data);
  if (bytes.length > maxPayloadBytes) {
    const message = `The secret payload is ${bytes.length} bytes; at most ${maxPayloadBytes} bytes (64 KiB) are allowed.`;
    throw new UserError({ code: "invalid", field: "payload.data", message });
  }
  return { bytes, checked: checkSum(bytes, isJsonObject(payload) ? payload["dataCrc32c"] : undefined) };
}

/** The payload of an `access` answer. */
export function payloadOf(bytes: Uint8Array<ArrayBuffer>): { data: string; dataCrc32c: string } {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return { data: btoa(binary), dataCrc32c: String(crc32c(bytes)) };
}

/** Standard and URL-safe alphabets, padded or not, as Google's JSON mapping of `bytes` takes them. */
function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));
  } catch {
    throw new UserError({
      code: "invalid",
      field: "payload.data",
      message: "Invalid value at 'payload.data' (TYPE_BYTES): base64 decoding failed.",
    });
  }
}

function checkSum(bytes: Uint8Array, given: Json | undefined): boolean {
  if (given === undefined) return false;
  if ((typeof given === "string" || typeof given === "number") && String(given) === String(crc32c(bytes))) return true;
  const message =
    "The payload's CRC32C checksum does not match [payload.data_crc32c]: the data was damaged on its way, or the sum is not CRC-32C.";
  throw new UserError({ code: "invalid", field: "payload.dataCrc32c", message });
}
