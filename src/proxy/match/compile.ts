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
import { compileRegex, type Regex } from "./regex.ts";
import type { KnownPieces } from "./simple-pattern.ts";
import { describeRule } from "./describe.ts";
import { foldCase, type Subject } from "./request.ts";

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
  readonly rule: CompiledRule;
  /** What the whole path must meet, for paths that are regular expressions or templates. */
  readonly regex: Regex | undefined;
  readonly template: PathTemplate | undefined;
  readonly headers: readonly HeaderPredicate[];
  readonly query: readonly QueryPredicate[];
}

/** A match before its rule is there. */
type Alternative = Pick<CompiledMatch, "path" | "text" | "regex" | "template" | "headers" | "query">;

export interface CompileOptions {
  /** Largest RE2 program of one expression; Envoy's default of 100 when absent. */
  readonly maxRegexProgramSize?: number;
}

const noPredicates: readonly never[] = [];
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
  readonly #headers = new Map<string, readonly HeaderPredicate[]>();
  readonly #queries = new Map<string, readonly QueryPredicate[]>();
  readonly #pieces: KnownPieces = new Map();

  constructor(clusters: ReadonlyMap<string, Cluster>, maxProgramSize: number) {
    this.#clusters = clusters;
    this.#maxProgramSize = maxProgramSize;
  }

  host(virtualHost: VirtualHost): CompiledHost {
    const all: CompiledMatch[] = [];
    const rules = virtualHost.rules.map((rule) => {
      const alternatives = (rule.matches.length === 0 ? [takesAll] : rule.matches).map((match) => this.#alternative(rule, match));
      const cors = this.#cors(rule);
      const matches: CompiledMatch[] = [];
      const compiled: CompiledRule = { rule, action: this.#action(rule, alternatives), matches, ...(cors && { cors }) };
      for (const { path, text, regex, template, headers, query } of alternatives) {
        const match = { order: all.length, path, text, next: undefined, rule: compiled, regex, template, headers, query };
        matches.push(match);
        all.push(match);
      }
      return compiled;
    });
    return { rules, index: new PathIndex(all, matchHolds) };
  }

  #alternative(rule: Rule, match: Match): Alternative {
    const { path } = match;
    const headers = this.#predicates(this.#headers, match.headers, (each) => this.#unwrap(rule, compileHeader(each, this.#maxProgramSize)));
    const query = this.#predicates(this.#queries, match.query, (each) => this.#unwrap(rule, compileQuery(each, this.#maxProgramSize)));
    const plain = { path, regex: undefined, template: undefined, headers, query };
    switch (path.kind) {
      case "any":
        return { ...plain, text: "" };
      case "exact":
      case "prefix":
        return { ...plain, text: path.ignoreCase === true ? foldCase(path.value) : path.value };
      case "template":
        return { ...plain, ...this.#template(rule, path.value) };
      case "regex":
        return { ...plain, ...this.#regex(rule, path.value) };
    }
  }

  /** Many rules ask the same: they share one list, which a processor then has at hand. */
  #predicates<Asked, Predicate>(
    known: Map<string, readonly Predicate[]>,
    asked: readonly Asked[],
    compile: (each: Asked) => readonly Predicate[],
  ): readonly Predicate[] {
    if (asked.length === 0) return noPredicates;
    const key = JSON.stringify(asked);
    const shared = known.get(key);
    if (shared) return shared;
    const predicates = asked.flatMap(compile);
    known.set(key, predicates);
    return predicates;
  }

  #regex(rule: Rule, expression: string): Pick<CompiledMatch, "text" | "regex"> {
    const compiled = compileRegex(expression, this.#maxProgramSize, this.#pieces);
    if ("regex" in compiled) return { text: compiled.prefix, regex: compiled.regex };
    this.#refuse(rule, compiled.error);
    return { text: "", regex: undefined };
  }

  #template(rule: Rule, text: string): Pick<CompiledMatch, "text" | "regex" | "template"> {
    const template = parsePathTemplate(text);
    if ("error" in template) {
      this.#refuse(rule, `path template ${JSON.stringify(text)}: ${template.error}`);
      return { text: "", regex: undefined, template: undefined };
    }
    const { expression, literalPrefix: prefix } = template;
    return { text: prefix, template, regex: { testExact: (path) => expression.test(path) } };
  }

  #cors(rule: Rule): CompiledCors | undefined {
    const compiled = rule.cors && compileCors(rule.cors, this.#maxProgramSize);
    if (compiled === undefined) return undefined;
    if ("cors" in compiled) return compiled.cors;
    this.#refuse(rule, compiled.error);
    return undefined;
  }

  #action(rule: Rule, matches: readonly Alternative[]): CompiledAction {
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
  #rewriteParts(rule: Rule, text: string, matches: readonly Alternative[]): readonly RewritePart[] {
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
