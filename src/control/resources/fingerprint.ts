import { UserError } from "#base/errors.ts";
import { fnv1a64 } from "#base/hash.ts";
import { isJsonObject, type Json } from "#base/json.ts";
import type { StoredResource } from "../store/store.ts";

/**
 * Google's `fingerprint`: 8 bytes in base64 that change with each change of the resource. The revision is unique to one state of one
 * resource, so it stands for the content. URL-safe, as Google's are: gcloud sends back no other alphabet.
 */
export function fingerprintOf(stored: StoredResource): string {
  return fingerprintText(`${stored.key}#${stored.id}#${stored.revision}`);
}

/** The fingerprint of what a text names. */
export function fingerprintText(text: string): string {
  return urlSafe(btoa(String.fromCharCode(...fnv1a64(text))));
}

/**
 * Refuses a change that was made on an older state. A fingerprint that is not given is no claim and passes, as it does at Google
 * for PATCH. `field` is `fingerprint` or `labelFingerprint`.
 */
export function checkFingerprint(body: Json | undefined, stored: StoredResource, field = "fingerprint"): void {
  const given = isJsonObject(body) && Object.hasOwn(body, field) ? body[field] : undefined;
  requireFingerprint(given, fingerprintOf(stored), `resource.${field}`);
}

/** The same for a fingerprint by itself; `field` says where it was given. */
export function requireFingerprint(given: Json | undefined, present: string, field: string): void {
  if (given === undefined || given === null || given === "") return;
  if (typeof given === "string" && urlSafe(given) === present) return;
  throw new UserError({ code: "conditionNotMet", message: "Invalid fingerprint.", field });
}

function urlSafe(base64: string): string {
  return base64.replaceAll("+", "-").replaceAll("/", "_");
}
