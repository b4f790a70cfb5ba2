import { UserError } from "#base/errors.ts";
import { fnv1a64 } from "#base/hash.ts";
import { isJsonObject, type Json } from "#base/json.ts";
import type { StoredResource } from "../store/store.ts";

/**
 * Google's `fingerprint`: 8 bytes in base64 that change with each change of the resource. The revision is unique to one state of one
 * resource, so it stands for the content. URL-safe, as Google's are: gcloud sends back no other alphabet.
 */
export function fingerprintOf(stored: StoredResource): string {
  return urlSafe(btoa(String.fromCharCode(...fnv1a64(`${stored.key}#${stored.id}#${stored.revision}`))));
}

/**
 * Refuses a change that was made on an older state. A fingerprint that is not given is no claim and passes, as it does at Google
 * for PATCH. `field` is `fingerprint` or `labelFingerprint`.
 */
export function checkFingerprint(body: Json | undefined, stored: StoredResource, field = "fingerprint"): void {
  const given = isJsonObject(body) && Object.hasOwn(body, field) ? body[field] : undefined;
  if (given === undefined || given === null || given === "") return;
  if (typeof given === "string" && urlSafe(given) === fingerprintOf(stored)) return;
  throw new UserError({ code: "conditionNotMet", message: "Invalid fingerprint.", field: `resource.${field}` });
}

function urlSafe(base64: string): string {
  return base64.replaceAll("+", "-").replaceAll("/", "_");
}
