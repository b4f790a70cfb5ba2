import type { CompiledSnapshot } from "#proxy/match/compile.ts";
import type { RequestView } from "#proxy/match/request.ts";

/**
 * A request that the mesh answered itself, kept so that it can be explained afterwards: what rules may go by, and nothing else of it, since the
 * rest of a query and of the headers can hold secrets.
 */
export interface RefusedRequest {
  /** What its answer says; a trace id, so that the request is found in traces by it as well. */
  readonly id: string;
  readonly atMs: number;
  /** 0: there was no configuration. */
  readonly generation: number;
  readonly reason: string;
  readonly text: string;
  readonly method: string;
  readonly url: string;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  /** Headers that rules go by and whose values are kept nowhere. */
  readonly withheld: readonly string[];
}

/** Values of these are credentials. */
const credentials: ReadonlySet<string> = new Set([
  "authorization",
  "cookie",
  "proxy-authorization",
  "x-api-key",
  "x-forwarded-client-cert",
]);

const longestValue = 1_000;
const longestTarget = 4_000;

/** What is kept of a request; `compiled` is undefined where none has decided about it. */
export function keptOf(
  view: RequestView,
  compiled: CompiledSnapshot | undefined,
): Pick<RefusedRequest, "method" | "url" | "headers" | "withheld"> {
  const { headers: names, parameters } = compiled ? consulted(compiled) : nothing;
  const headers: { name: string; value: string }[] = [];
  const withheld: string[] = [];
  for (const name of names) {
    const value = view.headers.get(name);
    if (value === null) continue;
    if (credentials.has(name) || value.length > longestValue) withheld.push(name);
    else headers.push({ name, value });
  }
  return { method: view.method, url: `${view.scheme}://${view.authority}${keptTarget(view.target, parameters)}`, headers, withheld };
}

function keptTarget(target: string, parameters: ReadonlySet<string>): string {
  const mark = target.indexOf("?");
  if (mark === -1) return target.slice(0, longestTarget);
  const kept = new URLSearchParams();
  for (const [name, value] of new URLSearchParams(target.slice(mark))) if (parameters.has(name)) kept.append(name, value);
  const search = kept.size > 0 ? `?${kept.toString()}` : "";
  return (target.slice(0, mark) + search).slice(0, longestTarget);
}

interface Consulted {
  /** Lower case. */
  readonly headers: ReadonlySet<string>;
  readonly parameters: ReadonlySet<string>;
}

const nothing: Consulted = { headers: new Set(), parameters: new Set() };
const known = new WeakMap<CompiledSnapshot, Consulted>();

/** The headers and query parameters that any rule of the service goes by. */
function consulted(compiled: CompiledSnapshot): Consulted {
  const before = known.get(compiled);
  if (before) return before;
  const headers = new Set<string>();
  const parameters = new Set<string>();
  for (const { rules } of compiled.snapshot.virtualHosts) {
    for (const rule of rules) {
      if (rule.cors) headers.add("origin").add("access-control-request-method");
      for (const match of rule.matches) {
        // Pseudo headers are in the method and the URL.
        for (const { name } of match.headers) if (!name.startsWith(":") && name !== "host" && name !== "port") headers.add(name);
        for (const { name } of match.query) parameters.add(name);
      }
    }
  }
  const made = { headers, parameters };
  known.set(compiled, made);
  return made;
}
