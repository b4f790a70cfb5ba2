import { parsePathRewrite, parsePathTemplate, type PathTemplate, type RewritePart, unknownVariable } from "#base/path-template.ts";
import { maxRegexProgramSize } from "#base/regex.ts";
import type { Cluster } from "#ir/cluster.ts";
import { defaultPathPolicy, type PathPolicy } from "#ir/policy.ts";
import type { Action, Match, Rule, VirtualHost } from "#ir/route.ts";
import type { Snapshot } from "#ir/snapshot.ts";
import { compileCors, type CompiledCors } from "./cors.ts";
import { HostTable } from "./hosts.ts";
import { type Indexed, PathIndex } from "./path-index.ts";
import { compileHeader, compileQuery, headerHolds, type HeaderPredicate, queryHolds, type QueryPredicate } from "./predicates.ts";
import { compileRegex, literalPrefix, type Regex } from "./regex.ts";
import { describeRule } from "./describe.ts";
import type { Subject } from "./request.ts";

/** A snapshot made ready to be asked: hosts and paths indexed, expressions compiled, sums and bodies computed once. */
export interface CompiledSnapshot {
  readonly snapshot: Snapshot;
  /** By key of `Snapshot.clusters`; a map, so that no name can reach an object's prototype. */
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly hosts: HostTable<CompiledHost>;
  readonly paths: PathPolicy;
}

export interface CompiledHost {
  readonly rules: readonly CompiledRule[];
  readonly index: PathIndex<CompiledMatch>;
}

export interface CompiledRule {
  readonly rule: Rule;
  readonly action: CompiledAction;
  /** In the order of the rule; a rule without matches has one that takes every request. */
  readonly matches: readonly CompiledMatch[];
  readonly cors?: CompiledCors;
}

interface CompiledRoute {
  readonly kind: "route";
  readonly route: Extract<Action, { kind: "route" }>;
  readonly totalWeight: number;
  /** `rewrite.template` taken apart. */
  readonly rewriteParts?: readonly RewritePart[];
}

type CompiledAction =
  | CompiledRoute
  | { readonly kind: "redirect"; readonly redirect: Extract<Action, { kind: "redirect" }> }
  | { readonly kind: "directResponse"; readonly status: number; readonly body: Uint8Array<ArrayBuffer> };

/** One alternative of one rule. */
export interface CompiledMatch extends Indexed {
  /** The rule's place in its virtual host. */
  readonly rule: number;
  /** What the whole path must meet, for paths that are regular expressions or templates. */
  readonly regex?: Regex;
  readonly template?: PathTemplate;
  readonly headers: readonly HeaderPredicate[];
  readonly query: readonly QueryPredicate[];
}

export interface CompileOptions {
  /** Largest RE2 program of one expression; Envoy's default of 100 when absent. */
  readonly maxRegexProgramSize?: number;
}

const takesAll: Match = { path: { kind: "any" }, headers: [], query: [] };

/** Makes a snapshot ready, or says which rule stands in the way and why. Never throws on a snapshot that `ir/codec` reads. */
export function compileSnapshot(
  snapshot: Snapshot,
  options: CompileOptions = {},
): { readonly compiled: CompiledSnapshot } | { readonly error: string } {
  const clusters = new Map(Object.entries(snapshot.clusters));
  const compiler = new Compiler(clusters, options.maxRegexProgramSize ?? maxRegexProgramSize);
  const hosts: [string, CompiledHost][] = [];
  for (const virtualHost of snapshot.virtualHosts) {
    const host = compiler.host(virtualHost);
    for (const name of virtualHost.hosts) hosts.push([name, host]);
  }
  if (compiler.error !== undefined) return { error: compiler.error };
  return { compiled: { snapshot, clusters, hosts: new HostTable(hosts), paths: snapshot.paths ?? defaultPathPolicy } };
}

/** Goes on after a mistake, with the first one in `error`: a snapshot with an error is thrown away whole. */
class Compiler {
  error: string | undefined;
  readonly #clusters: ReadonlyMap<string, Cluster>;
  readonly #maxProgramSize: number;

  constructor(clusters: ReadonlyMap<string, Cluster>, maxProgramSize: number) {
    this.#clusters = clusters;
    this.#maxProgramSize = maxProgramSize;
  }

  host(virtualHost: VirtualHost): CompiledHost {
    const all: CompiledMatch[] = [];
    const rules = virtualHost.rules.map((rule, place) => {
      const alternatives = rule.matches.length === 0 ? [takesAll] : rule.matches;
      const matches = alternatives.map((match, index) => this.#match(rule, match, { rule: place, order: all.length + index }));
      for (const match of matches) all.push(match);
      const cors = this.#cors(rule);
      return { rule, action: this.#action(rule, matches), matches, ...(cors && { cors }) };
    });
    return { rules, index: new PathIndex(all, matchHolds) };
  }

  #match(rule: Rule, match: Match, place: { rule: number; order: number }): CompiledMatch {
    const headers = match.headers.flatMap((header) => this.#unwrap(rule, compileHeader(header, this.#maxProgramSize)));
    const query = match.query.flatMap((each) => this.#unwrap(rule, compileQuery(each, this.#maxProgramSize)));
    const { path } = match;
    const common = { ...place, path, headers, query };
    if (path.kind === "template") return { ...common, ...this.#template(rule, path.value) };
    if (path.kind !== "regex") return { ...common, literalPrefix: "" };
    const compiled = compileRegex(path.value, this.#maxProgramSize);
    if ("regex" in compiled) return { ...common, regex: compiled.regex, literalPrefix: literalPrefix(path.value) };
    this.#refuse(rule, compiled.error);
    return { ...common, literalPrefix: "" };
  }

  #template(rule: Rule, text: string): Pick<CompiledMatch, "literalPrefix" | "regex" | "template"> {
    const template = parsePathTemplate(text);
    if ("error" in template) {
      this.#refuse(rule, `path template ${JSON.stringify(text)}: ${template.error}`);
      return { literalPrefix: "" };
    }
    const { expression, literalPrefix: prefix } = template;
    return { literalPrefix: prefix, template, regex: { testExact: (path) => expression.test(path) } };
  }

  #cors(rule: Rule): CompiledCors | undefined {
    const compiled = rule.cors && compileCors(rule.cors, this.#maxProgramSize);
    if (compiled === undefined) return undefined;
    if ("cors" in compiled) return compiled.cors;
    this.#refuse(rule, compiled.error);
    return undefined;
  }

  #action(rule: Rule, matches: readonly CompiledMatch[]): CompiledAction {
    const { action } = rule;
    if (action.kind === "redirect") return { kind: "redirect", redirect: action };
    if (action.kind === "directResponse") return this.#directResponse(rule, action);
    let totalWeight = 0;
    for (const { cluster, weight } of action.destinations) {
      totalWeight += weight;
      this.#requireCluster(rule, cluster);
    }
    if (action.mirror) this.#requireCluster(rule, action.mirror.cluster);
    const template = action.rewrite?.template;
    if (template === undefined) return { kind: "route", route: action, totalWeight };
    return { kind: "route", route: action, totalWeight, rewriteParts: this.#rewriteParts(rule, template, matches) };
  }

  #requireCluster(rule: Rule, cluster: string): void {
    if (!this.#clusters.has(cluster)) this.#refuse(rule, `backend service ${JSON.stringify(cluster)} is not in the snapshot`);
  }

  /** Each of the rule's matches must have all the variables: which of them will take a request is not known. */
  #rewriteParts(rule: Rule, text: string, matches: readonly CompiledMatch[]): readonly RewritePart[] {
    const rewrite = parsePathRewrite(text);
    if ("error" in rewrite) {
      this.#refuse(rule, `path template rewrite ${JSON.stringify(text)}: ${rewrite.error}`);
      return [];
    }
    for (const { template } of matches) {
      const unknown = template ? unknownVariable(rewrite.parts, template) : rewrite.parts.find((part) => typeof part !== "string");
      if (unknown === undefined) continue;
      const name = typeof unknown === "string" ? unknown : unknown.variable;
      this.#refuse(rule, `path template rewrite ${JSON.stringify(text)}: there is no variable '${name}' in the path template`);
    }
    return rewrite.parts;
  }

  #directResponse(rule: Rule, action: Extract<Action, { kind: "directResponse" }>): CompiledAction {
    const { status, body } = action;
    if ("text" in body) return { kind: "directResponse", status, body: Uint8Array.from(new TextEncoder().encode(body.text)) };
    try {
      return { kind: "directResponse", status, body: Uint8Array.from(atob(body.base64), (character) => character.charCodeAt(0)) };
    } catch {
      this.#refuse(rule, "the body of the direct response is not base64");
      return { kind: "directResponse", status, body: new Uint8Array() };
    }
  }

  #unwrap<T>(rule: Rule, compiled: { value: T } | { error: string }): [] | [T] {
    if ("value" in compiled) return [compiled.value];
    this.#refuse(rule, compiled.error);
    return [];
  }

  #refuse(rule: Rule, problem: string): void {
    this.error ??= `${describeRule(rule.ref)}: ${problem}`;
  }
}

/** Whether an alternative takes a request for whose path the index gave it as a candidate. */
function matchHolds(match: CompiledMatch, subject: Subject): boolean {
  if (match.regex !== undefined && !match.regex.testExact(subject.path)) return false;
  for (const header of match.headers) if (!headerHolds(header, subject.request)) return false;
  for (const query of match.query) if (!queryHolds(query, subject)) return false;
  return true;
}
