import type { HeaderMutation, HeaderValue, RuleRef } from "#ir/route.ts";
import type { CompiledSnapshot } from "#proxy/match/compile.ts";
import { decide } from "./decide.ts";
import type { Decision, RequestView, TraceStep } from "./decision.ts";

/** The answer of `explain`: what would happen to a request, and why. Fields that do not apply are absent. */
export interface ExplainAnswer {
  readonly service: string;
  readonly matched: boolean;
  /** The rule taken; that of a URL map's default counts too, and has `isDefault`. */
  readonly rule?: RuleRef;
  readonly action: "route" | "redirect" | "directResponse" | "none";
  readonly destinations?: readonly { readonly backendService: string; readonly weight: number }[];
  readonly upstream?: ExplainedUpstream;
  readonly redirect?: { readonly location: string; readonly code: number };
  /** `body` as UTF-8 text. */
  readonly directResponse?: { readonly status: number; readonly body: string };
  readonly trace: readonly TraceStep[];
}

interface ExplainedUpstream {
  /** Scheme, authority, path and query as the application is to see them. */
  readonly url: string;
  /** After everything removed is gone. Values of secrets are shown as `{secret.NAME}`. With several destinations, only what all have in common. */
  readonly headersToSet: readonly { readonly name: string; readonly value: string }[];
  readonly headersToRemove: readonly string[];
  /** 0 = none. */
  readonly timeoutMs: number;
}

/** Decides about a request as the proxy does, with the same function, and says so in words. */
export function explain(compiled: CompiledSnapshot, request: RequestView): ExplainAnswer {
  const trace: TraceStep[] = [];
  const decision = decide(compiled, request, trace);
  const { service } = compiled.snapshot;
  if (decision.kind === "none") return { service, matched: false, action: "none", trace };
  return { service, matched: true, rule: decision.rule, action: decision.kind, ...outcomeOf(compiled, decision), trace };
}

function outcomeOf(
  compiled: CompiledSnapshot,
  decision: Exclude<Decision, { kind: "none" }>,
): Pick<ExplainAnswer, "destinations" | "upstream" | "redirect" | "directResponse"> {
  switch (decision.kind) {
    case "redirect":
      return { redirect: { location: decision.location, code: decision.status } };
    case "directResponse":
      return { directResponse: { status: decision.status, body: new TextDecoder().decode(decision.body) } };
    case "route":
      return {
        destinations: decision.destinations.map(({ cluster, weight }) => ({
          backendService: compiled.clusters.get(cluster)?.name ?? cluster,
          weight,
        })),
        upstream: upstreamOf(compiled, decision),
      };
  }
}

function upstreamOf(compiled: CompiledSnapshot, decision: Extract<Decision, { kind: "route" }>): ExplainedUpstream {
  const [first, ...others] = decision.destinations;
  const cluster = first && compiled.clusters.get(first.cluster);
  const mutations = [...decision.requestHeaders];
  if (others.length === 0) {
    mutations.unshift(...(first?.requestHeaders ?? []));
    if (cluster !== undefined) mutations.push(cluster.requestHeaders);
  }
  return {
    url: `${cluster?.scheme ?? "http"}://${decision.authority}${decision.target}`,
    ...headerChanges(mutations),
    timeoutMs: decision.timeoutMs,
  };
}

/** The sum of mutations carried out one after the other: a later removal or replacement takes an earlier value back. */
function headerChanges(mutations: readonly HeaderMutation[]): Pick<ExplainedUpstream, "headersToSet" | "headersToRemove"> {
  let headersToSet: { name: string; value: string }[] = [];
  const removed = new Map<string, string>();
  const takeBack = (name: string): void => {
    headersToSet = headersToSet.filter((header) => header.name.toLowerCase() !== name.toLowerCase());
  };
  for (const mutation of mutations) {
    for (const name of mutation.remove) {
      takeBack(name);
      removed.set(name.toLowerCase(), name);
    }
    for (const [name, value] of mutation.set) {
      takeBack(name);
      headersToSet.push({ name, value: textOf(value) });
    }
    for (const [name, value] of mutation.add) headersToSet.push({ name, value: textOf(value) });
  }
  return { headersToSet, headersToRemove: [...removed.values()] };
}

function textOf(value: HeaderValue): string {
  if (typeof value === "string") return value;
  return value.map((part) => (typeof part === "string" ? part : `{secret.${part.secret}}`)).join("");
}
