import { UserError } from "#base/errors.ts";
import { parseFilter } from "../resources/filter.ts";
import { existing, type SecretCall, type SecretResult } from "./call.ts";
import { checkEtag, versionNotFound, versionPath, versionResource, wrongState } from "./resource.ts";
import type { StoredSecret, StoredVersion, VersionState } from "./vault.ts";

const defaultPageSize = 25_000;

/** The version that a command names: a number, an alias of the secret, or `latest`, the newest one in whatever state. 404 when there is none. */
export function existingVersion(call: SecretCall): StoredVersion {
  const { context, command } = call;
  const secret = existing(call);
  const asked = command.query["version"] ?? "latest";
  const number = asked === "latest" ? context.vault.versions(secret.name)[0]?.version : numberOf(secret, asked);
  const version = number === undefined ? undefined : context.vault.version(secret.name, number);
  if (!version) throw versionNotFound(context.project, secret.name, asked);
  return version;
}

function numberOf(secret: StoredSecret, asked: string): number | undefined {
  if (/^[1-9]\d{0,15}$/.test(asked)) return Number(asked);
  const aliases = secret.body["versionAliases"];
  const alias = typeof aliases === "object" && aliases !== null && Object.hasOwn(aliases, asked) ? Object.entries(aliases) : [];
  const target = alias.find(([name]) => name === asked)?.[1];
  return target === undefined ? undefined : Number(target);
}

export function getVersion(call: SecretCall): SecretResult {
  return { body: versionResource(call.context.project, existingVersion(call)), changed: false };
}

/** Newest first, as Google lists them; a page token is the number of the last version given. */
export function listVersions(call: SecretCall): SecretResult {
  const { context, command } = call;
  const secret = existing(call);
  const filter = parseFilter(command.query["filter"] ?? "");
  const all = context.vault.versions(secret.name).map((version) => ({ version, body: versionResource(context.project, version) }));
  const size = integer(command.query["pageSize"], "pageSize") ?? defaultPageSize;
  const before = integer(command.query["pageToken"], "pageToken");
  const matching = all.filter(({ body }) => filter(body));
  const rest = matching.filter(({ version }) => before === undefined || version.version < before);
  const page = rest.slice(0, size === 0 ? defaultPageSize : size);
  const last = page.at(-1);
  return {
    body: {
      versions: page.map(({ body }) => body),
      ...(last && rest.length > page.length && { nextPageToken: String(last.version.version) }),
      totalSize: matching.length,
    },
    changed: false,
  };
}

/** A destroyed version stays destroyed; asking for the state that a version has already changes nothing. */
export function changeVersion(call: SecretCall, state: VersionState): SecretResult {
  const { context, command } = call;
  const version = existingVersion(call);
  checkEtag(command.body, versionPath(context.project, version.name, version.version), version.revision);
  if (version.state === "DESTROYED") throw wrongState(context.project, version);
  if (version.state === state) return { body: versionResource(context.project, version), changed: false };
  const now = context.clock.now();
  const changed: StoredVersion = {
    ...version,
    state,
    revision: context.nextRevision(),
    ...(state === "DESTROYED" && { destroyedAtMs: now }),
  };
  context.vault.setState(changed, now);
  return { body: versionResource(context.project, changed), changed: true, versionsChanged: true };
}

function integer(text: string | undefined, field: string): number | undefined {
  if (text === undefined || text === "") return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new UserError({
    code: "invalid",
    field,
    message: `Invalid value for field '${field}': '${text}'. It must be an integer that is not negative.`,
  });
}
