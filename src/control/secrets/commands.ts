import { UserError } from "#base/errors.ts";
import { isJsonObject, sameJson, type JsonObject } from "#base/json.ts";
import { conform } from "#model/conform.ts";
import type { Command } from "../command.ts";
import { applyMask, maskPaths, omit } from "../resources/merge.ts";
import { invalid } from "../resources/faults.ts";
import { pageOf } from "../resources/page.ts";
import { existing, type SecretCall, type SecretResult } from "./call.ts";
import { checkEtag, secretPath, secretResource } from "./resource.ts";
import type { StoredSecret } from "./vault.ts";
import { changeVersion, getVersion, listVersions } from "./versions.ts";

/** What the server computes or what cannot be changed after creation. */
const outputOnly = ["name", "createTime", "etag"];

const verbs: Readonly<Record<string, (call: SecretCall) => SecretResult>> = {
  insert,
  get: (call) => ({ body: secretResource(call.context.project, existing(call)), changed: false }),
  list,
  patch,
  delete: remove,
  getVersion,
  listVersions,
  enableVersion: (call) => changeVersion(call, "ENABLED"),
  disableVersion: (call) => changeVersion(call, "DISABLED"),
  destroyVersion: (call) => changeVersion(call, "DESTROYED"),
};

/** Runs a verb on secrets, all but those that touch plaintext (`plaintext.ts`). Synchronous: the caller has opened a transaction. */
export function executeSecretCommand(call: SecretCall): SecretResult {
  const verb = Object.hasOwn(verbs, call.command.verb) ? verbs[call.command.verb] : undefined;
  if (!verb) throw new UserError({ code: "methodNotAllowed", message: `Secrets have no method '${call.command.verb}'.` });
  return verb(call);
}

function insert({ command, context }: SecretCall): SecretResult {
  const body = conformed(command);
  const given = command.query["secretId"] ?? command.name ?? lastSegment(body["name"]);
  if (!/^[A-Za-z0-9_-]{1,255}$/.test(given)) {
    const message = `Invalid value for field 'secretId': '${given}'. A secret id is 1 to 255 letters, digits, '-' and '_'.`;
    throw new UserError({ code: given === "" ? "required" : "invalid", field: "secretId", message });
  }
  if (context.vault.secret(given)) {
    throw new UserError({ code: "alreadyExists", message: `Secret [${secretPath(context.project, given)}] already exists.` });
  }
  const secret: StoredSecret = {
    name: given,
    body: { replication: { automatic: {} }, ...omit(body, outputOnly) },
    createdAtMs: context.clock.now(),
    revision: context.nextRevision(),
  };
  context.vault.put(secret);
  return { body: secretResource(context.project, secret), changed: true };
}

function list({ command, context }: SecretCall): SecretResult {
  const all = context.vault.secrets().map((secret) => ({ key: secret.name, body: secretResource(context.project, secret) }));
  const page = pageOf(all, command.query, "pageSize");
  return {
    body: {
      secrets: page.items.map((item) => item.body),
      ...(page.nextPageToken !== undefined && { nextPageToken: page.nextPageToken }),
      totalSize: all.length,
    },
    changed: false,
  };
}

/** With `updateMask`, the named fields; without, the fields that the body has. */
function patch(call: SecretCall): SecretResult {
  const { command, context } = call;
  const secret = existing(call);
  const given = conformed(command);
  checkEtag(given, secretPath(context.project, secret.name), secret.revision);
  const mask = maskPaths(command.query["updateMask"]);
  const paths = (mask.length > 0 ? mask : Object.keys(given)).filter((path) => !outputOnly.includes(path));
  const body = applyMask(secret.body, given, paths);
  if (!sameJson(body["replication"], secret.body["replication"])) {
    throw new UserError({ code: "invalid", field: "secret.replication", message: "Field 'secret.replication' is immutable." });
  }
  if (sameJson(body, secret.body)) return { body: secretResource(context.project, secret), changed: false };
  const changed = { ...secret, body, revision: context.nextRevision() };
  context.vault.put(changed);
  return { body: secretResource(context.project, changed), changed: true };
}

function remove(call: SecretCall): SecretResult {
  const { command, context } = call;
  const secret = existing(call);
  checkEtag(command.query["etag"], secretPath(context.project, secret.name), secret.revision);
  context.vault.delete(secret.name, context.clock.now());
  return { body: {}, changed: true, versionsChanged: true };
}

function conformed({ body = {} }: Command): JsonObject {
  if (!isJsonObject(body)) throw invalid("secret", body, "A JSON object is expected.");
  const { value, faults } = conform("Secret", body, "secret");
  if (faults.length > 0) throw new UserError(faults);
  return value;
}

function lastSegment(name: unknown): string {
  return typeof name === "string" ? (name.split("/").at(-1) ?? "") : "";
}
