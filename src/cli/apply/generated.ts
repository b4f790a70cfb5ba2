/** First versions of secrets that a file asks to be made up: their values are in no file. */
import { Buffer } from "node:buffer";
import { systemRandom } from "#base/random.ts";
import { isJsonObject, type JsonObject } from "#base/json.ts";
import type { Client } from "#client/client.ts";

/** Annotation of a secret: how many random bytes its first version is made of. */
export const generateAnnotation = "wayside.dev/generate";

/** The number of bytes that a secret's annotation asks for; undefined without it. Text when it is no number from 16 to 1024. */
export function bytesToGenerate(secret: JsonObject): number | string | undefined {
  const annotations = isJsonObject(secret["annotations"]) ? secret["annotations"] : {};
  const text = annotations[generateAnnotation];
  if (text === undefined) return undefined;
  const bytes = typeof text === "string" && /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  return bytes >= 16 && bytes <= 1024 ? bytes : `${generateAnnotation} is a number of bytes from 16 to 1024, as text`;
}

/** Whether the secret at `path` has had a version, be it destroyed since. */
export async function hasVersions(client: Client, path: string): Promise<boolean> {
  const { versions } = await client.call("GET", `${path}/versions?pageSize=1`);
  return Array.isArray(versions) && versions.length > 0;
}

/** Adds a version of that many random bytes, written in base64url, so that it can be sent in a header. */
export async function addGenerated(client: Client, path: string, bytes: number): Promise<void> {
  const value = Buffer.from(systemRandom.bytes(bytes)).toString("base64url");
  await client.call("POST", `${path}:addVersion`, { payload: { data: Buffer.from(value).toString("base64") } });
}
