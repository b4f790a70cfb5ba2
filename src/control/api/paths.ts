import { UserError } from "#base/errors.ts";
import type { Scope } from "../command.ts";
import type { Role } from "./authorize.ts";

/** What a path and a method mean, before anything else of the request is looked at. */
export interface Route {
  readonly project: string;
  readonly scope: Scope;
  readonly collection: string;
  readonly verb: string;
  readonly name?: string;
  /** Taken out of the path; joined with the query. */
  readonly parameters?: Readonly<Record<string, string>>;
  readonly role: Role;
}

/** A request below a project: the method, and the decoded segments of the path from there on. */
export interface Target {
  readonly project: string;
  readonly method: string;
  readonly segments: readonly string[];
}

/** Nothing is served under that path. */
export function noSuchPath(path: string): UserError {
  return new UserError({ code: "notFound", message: `The requested URL '${path.slice(0, 300)}' was not found on this server.` });
}

/** Something is served there, under other methods. */
export function wrongMethod(method: string, allowed: readonly string[]): UserError {
  const list = [...new Set(allowed)].toSorted().join(", ");
  return new UserError({ code: "methodNotAllowed", message: `Method ${method} is not allowed here; allowed: ${list}.` });
}

/** Ids, numbers and domain-scoped ids (`example.com:project`) are all in use. Throws `UserError` for what cannot be the id of a project. */
export function checkProject(project: string): void {
  if (/^[a-z0-9_][-a-z0-9_.:]{0,62}$/i.test(project)) return;
  throw new UserError({ code: "invalid", field: "project", message: `Invalid value for field 'project': '${project}'. Unknown project.` });
}
