import type { PathPolicy } from "#ir/policy.ts";
import { canonicalPath, type PathRefusal } from "./canonical-path.ts";

/** A request as the pure part of the proxy sees it. */
export interface RequestView {
  readonly method: string;
  readonly scheme: "http" | "https";
  /** Host and, when given, port, as the caller sent it. */
  readonly authority: string;
  /** Raw path and query, beginning with `/`; no fragment. */
  readonly target: string;
  readonly headers: { get(name: string): string | null };
}

/** A request that nobody has sent, as it would come in; its `Host` stands before that of the URL. For `explain`. */
export function requestTo(
  url: URL,
  { method, headers }: { readonly method: string; readonly headers: Headers },
): RequestView & { headers: Headers } {
  return {
    method,
    scheme: url.protocol === "https:" ? "https" : "http",
    authority: headers.get("host") ?? url.host,
    target: url.pathname + url.search,
    headers,
  };
}

/**
 * One request on its way through the matcher: the view with its path and query taken apart once. Mutable only in what it
 * remembers.
 */
export interface Subject {
  /** Its target is that of the canonical path. */
  readonly request: RequestView;
  /** The target up to its query, canonical: what path predicates see (Google: "query and fragment removed"). */
  readonly path: string;
  /** The path in lower case; made only for configurations that ignore case. */
  foldedPath?: string;
  /** From `?` on, empty without a query. */
  readonly search: string;
  /** The decoded query; made by the first query predicate that asks. */
  parameters?: URLSearchParams;
}

/** Takes the target apart; a fragment, which no client may send, is cut off. Refused is a path that has no canonical form. */
export function subjectOf(request: RequestView, paths: PathPolicy): Subject | PathRefusal {
  const { target } = request;
  const hash = target.indexOf("#");
  const end = hash === -1 ? target.length : hash;
  const mark = target.indexOf("?");
  const query = mark === -1 || mark > end ? end : mark;
  const given = target.slice(0, query);
  const search = target.slice(query, end);
  const path = canonicalPath(given, paths);
  if (typeof path !== "string") return path;
  return path === given ? { request, path, search } : { request: { ...request, target: path + search }, path, search };
}

/** A to Z in lower case and nothing else changed, as Envoy's `ignore_case`: the length stays, and no other letter becomes a Latin one. */
export function foldCase(text: string): string {
  return text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** Host and port of an authority; the port is empty when none is given. IPv6 literals keep their brackets. */
export function splitAuthority(authority: string): { readonly host: string; readonly port: string } {
  const colon = authority.lastIndexOf(":");
  if (colon === -1 || authority.indexOf("]", colon) !== -1) return { host: authority, port: "" };
  return { host: authority.slice(0, colon), port: authority.slice(colon + 1) };
}
