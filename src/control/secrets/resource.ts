import { UserError } from "#base/errors.ts";
import { fnv1a64 } from "#base/hash.ts";
import { isJsonObject, type Json, type JsonObject } from "#base/json.ts";
import { toHex } from "#base/random.ts";
import type { StoredSecret, StoredVersion } from "./vault.ts";

/** Secrets and versions as Secret Manager v1 shows them, and its sentences for what goes wrong with them. */

export function secretPath(project: string, name: string): string {
  return `projects/${project}/secrets/${name}`;
}

export function versionPath(project: string, name: string, version: number | string): string {
  return `${secretPath(project, name)}/versions/${version}`;
}

/** `google.cloud.secretmanager.v1.Secret`. */
export function secretResource(project: string, secret: StoredSecret): JsonObject {
  return {
    ...secret.body,
    name: secretPath(project, secret.name),
    createTime: timestamp(secret.createdAtMs),
    etag: etagOf(secretPath(project, secret.name), secret.revision),
  };
}

/** `google.cloud.secretmanager.v1.SecretVersion`. */
export function versionResource(project: string, version: StoredVersion): JsonObject {
  const name = versionPath(project, version.name, version.version);
  return {
    name,
    createTime: timestamp(version.createdAtMs),
    ...(version.destroyedAtMs !== undefined && { destroyTime: timestamp(version.destroyedAtMs) }),
    state: version.state,
    replicationStatus: { automatic: {} },
    etag: etagOf(name, version.revision),
  };
}

/** Refuses a change made on an older state; no etag is no claim. `body` or the query may carry it. */
export function checkEtag(given: Json | undefined, path: string, revision: number): void {
  const etag = isJsonObject(given) ? given["etag"] : given;
  if (etag === undefined || etag === "" || etag === etagOf(path, revision)) return;
  throw new UserError({
    code: "failedPrecondition",
    field: "etag",
    message: `The etag provided does not match the current etag of [${path}].`,
  });
}

export function secretNotFound(project: string, name: string): UserError {
  return new UserError({ code: "notFound", message: `Secret [${secretPath(project, name)}] not found.` });
}

export function versionNotFound(project: string, name: string, version: number | string): UserError {
  const message =
    version === "latest"
      ? `Secret [${secretPath(project, name)}] not found or has no versions.`
      : `Secret Version [${versionPath(project, name, version)}] not found.`;
  return new UserError({ code: "notFound", message });
}

export function wrongState(project: string, { name, version, state }: StoredVersion): UserError {
  return new UserError({
    code: "failedPrecondition",
    message: `Secret Version [${versionPath(project, name, version)}] is in ${state} state.`,
  });
}

function etagOf(path: string, revision: number): string {
  return `"${toHex(fnv1a64(`${path}#${revision}`))}"`;
}

function timestamp(ms: number): string {
  return new Date(ms).toISOString();
}
