import { UserError } from "#base/errors.ts";
import { sha256Hex } from "#base/hash.ts";
import { isJsonObject } from "#base/json.ts";

/** What a caller may do. An admin may do everything, an editor what a viewer may; reading secrets is a role of its own. */
export type Role = "viewer" | "editor" | "admin" | "secretAccessor";

export interface Caller {
  /** For operations and the audit log; never a token. */
  readonly user: string;
  readonly roles: ReadonlySet<Role>;
  /** Set where an instance calls for itself, with its session; it has no role. */
  readonly instance?: { readonly name: string; readonly group: string };
}

/** Tells who sends a request; throws `UserError` `unauthorized` when nobody known does. */
export type Authorizer = (request: Request) => Promise<Caller>;

/** In the emulator everybody who reaches it is its owner; the host guard sees to who can. */
export const trustEveryone: Authorizer = () => Promise.resolve({ user: "dev@localhost", roles: new Set<Role>(["admin"]) });

interface Token {
  readonly role: Role;
  readonly sha256: string;
  readonly user: string;
}

/**
 * Bearer tokens, of which only hashes are kept. `config` is the secret `API_TOKENS`: a JSON list of `{role, sha256, user?}`, `sha256` being
 * the lower-case hexadecimal SHA-256 of the token. One token may stand in several rows. With no valid list nobody is let in.
 */
export function tokenAuthorizer(config: string | undefined): Authorizer {
  const tokens = parseTokens(config);
  return async (request) => {
    const bearer = /^Bearer ([\x21-\x7E]{1,4096})$/i.exec(request.headers.get("authorization") ?? "")?.[1];
    if (bearer === undefined) throw unauthorized("Login Required.");
    const given = await sha256Hex(bearer);
    // Every row is compared, and each in full: time tells nothing about which hash came close.
    const rows = tokens.filter((token) => sameText(token.sha256, given));
    const [first] = rows;
    if (!first) throw unauthorized("Invalid Credentials");
    return { user: first.user, roles: new Set(rows.map(({ role }) => role)) };
  };
}

/** Throws `UserError` `forbidden` unless one of the caller's roles holds what is needed. */
export function requireRole(caller: Caller, needed: Role, action: string): void {
  const holders: Readonly<Record<Role, readonly Role[]>> = {
    viewer: ["viewer", "editor", "admin"],
    editor: ["editor", "admin"],
    admin: ["admin"],
    secretAccessor: ["secretAccessor", "admin"],
  };
  if (holders[needed].some((role) => caller.roles.has(role))) return;
  throw new UserError({ code: "forbidden", message: `Required role '${needed}' for '${action}'` });
}

/** What is asked for, as far as it decides who may. */
interface Access {
  readonly collection: string;
  readonly verb: string;
  readonly name?: string;
  readonly role: Role;
}

/** What an instance may do to itself; besides, it may ask for the project's services. */
const ofItself: ReadonlySet<string> = new Set(["getRegistered", "drain", "undrain", "deregister"]);

/** Throws `UserError` `forbidden` unless the caller may do what the route asks for. */
export function requireAccess(caller: Caller, { collection, verb, name, role }: Access): void {
  const isOfItself = collection === "instances" ? ofItself.has(verb) : collection === "wayside" && verb === "services";
  const own = caller.instance !== undefined && caller.instance.name === name && isOfItself;
  if (!own) requireRole(caller, role, `${collection}.${verb}`);
}

const roles: readonly string[] = ["viewer", "editor", "admin", "secretAccessor"] satisfies Role[];

function parseTokens(config: string | undefined): Token[] {
  let list: unknown;
  try {
    list = JSON.parse(config ?? "[]");
  } catch {
    return [];
  }
  if (!Array.isArray(list)) return [];
  return list.filter(isJsonObject).flatMap((row) => {
    const { role, sha256, user } = row;
    if (typeof role !== "string" || !roles.includes(role)) return [];
    if (typeof sha256 !== "string" || !/^[0-9a-f]{64}$/.test(sha256)) return [];
    return [{ role: role as Role, sha256, user: typeof user === "string" ? user : `token:${sha256.slice(0, 8)}` }];
  });
}

/** Compares without an early end; both are 64 characters. */
function sameText(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let at = 0; at < a.length; at += 1) difference |= (a.codePointAt(at) ?? 0) ^ (b.codePointAt(at) ?? 0);
  return difference === 0;
}

function unauthorized(message: string): UserError {
  return new UserError({ code: "unauthorized", message, field: "Authorization" });
}
