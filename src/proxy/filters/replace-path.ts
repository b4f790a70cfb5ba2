import { coveredLength } from "#proxy/match/find.ts";
import type { Exchange } from "./filter.ts";

/**
 * The path with the part that the rule matched replaced: of a prefix match the prefix, of a full-path or regex match the
 * whole path (Google: "the matched prefix (or path)"; Envoy's `prefix_rewrite`). Plain replacement, so that slashes are
 * neither added nor lost; only a rule without a path, which covers nothing, is joined with a single slash.
 */
export function replaceCovered(exchange: Exchange, replacement: string): string {
  const { path } = exchange.subject;
  const joined = exchange.match.path.kind === "any" && replacement.endsWith("/") && path.startsWith("/");
  const kept = joined ? replacement.slice(0, -1) : replacement;
  return rooted(kept + path.slice(coveredLength(exchange.match, path)));
}

/** A request target begins with a slash, whatever the configuration says. */
export function rooted(path: string): string {
  return path.startsWith("/") ? path : `/${path}`;
}
