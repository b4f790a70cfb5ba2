import { UserError } from "#base/errors.ts";
import { isJsonObject, type Json } from "#base/json.ts";
import { readSnapshot } from "#ir/codec.ts";
import { explain, type ExplainAnswer, explainUnknownHost, type UnknownHost } from "#proxy/filters/explain.ts";
import type { ProxyObservation } from "#proxy/filters/explain-backend.ts";
import { compileSnapshot, type CompiledSnapshot } from "#proxy/match/compile.ts";
import { HostTable } from "#proxy/match/hosts.ts";
import type { RefusedRequest } from "./refused-log.ts";
import { readRequest, viewOfRefused, type WholeRequest } from "./request.ts";

/** Compiled snapshots kept in memory: enough for a person or a test going to and fro between services. */
const keptSnapshots = 32;

/** Where the newest configurations are, and what proxies said last. */
export interface SnapshotSource {
  services(): readonly string[];
  newest(service: string): { readonly generation: number } | undefined;
  bytes(service: string): Uint8Array<ArrayBuffer> | undefined;
  /** What each of the service's proxies sees of a backend service. */
  observations(service: string, cluster: string): readonly ProxyObservation[];
  /** What the service's resources ask for and it does not do. */
  warnings(service: string): readonly string[];
  /** A request that a proxy answered itself. */
  refused(id: string): RefusedRequest | undefined;
}

/** What came of a request that was made, besides what would come of it now. */
interface PastRequest {
  readonly request: Omit<RefusedRequest, "withheld" | "atMs" | "generation" | "reason" | "text">;
  /** What the mesh answered. */
  readonly answered: { readonly reason: string; readonly text: string; readonly atMs: number; readonly generation: number };
  /** The configuration is another than then; the rest of the answer is about the present one. */
  readonly isOutdated: boolean;
  /** Headers that rules go by and whose values nobody kept: rules on them may read otherwise here. */
  readonly withheld: readonly string[];
}

type Answer = (ExplainAnswer & { readonly warnings?: readonly string[] }) | UnknownHost;

export type Explanation = Answer & { readonly past?: PastRequest };

/** Says what the mesh would do to a request, with the proxies' own decision function and the newest configuration. */
export class Explainer {
  readonly #source: SnapshotSource;
  /** Least recently used first. */
  readonly #compiled = new Map<string, { readonly generation: number; readonly compiled: CompiledSnapshot }>();

  constructor(source: SnapshotSource) {
    this.#source = source;
  }

  /**
   * `body` is `{method?, url, headers?: [{name, value}]}`, or `{id}` of an answer that the mesh gave itself. Errors: `UserError` with the
   * field that is wrong, or for an id that nobody has reported.
   */
  explain(body: Json | undefined): Explanation {
    const id = isJsonObject(body) ? body["id"] : undefined;
    if (id === undefined) return this.#answer(readRequest(body));
    const refused = typeof id === "string" ? this.#source.refused(id) : undefined;
    if (!refused) throw unknownId(id);
    const answer = this.#answer(viewOfRefused(refused));
    const newest = "service" in answer ? this.#source.newest(answer.service)?.generation : undefined;
    return { ...answer, past: pastOf(refused, newest) };
  }

  #answer(request: WholeRequest): Answer {
    const services = this.#source.services();
    const service = new HostTable(services.map((name) => [name, name] as const)).find(request.authority);
    const compiled = service === undefined ? undefined : this.#compile(service);
    if (service === undefined || !compiled) return explainUnknownHost(request.authority, services);
    const observe = (cluster: string): readonly ProxyObservation[] => this.#source.observations(service, cluster);
    const answer = explain(compiled, request, { observe, headers: request.headers });
    const warnings = this.#source.warnings(service);
    return { ...answer, ...(warnings.length > 0 && { warnings }) };
  }

  #compile(service: string): CompiledSnapshot | undefined {
    const generation = this.#source.newest(service)?.generation;
    const kept = this.#compiled.get(service);
    this.#compiled.delete(service);
    const compiled = kept && kept.generation === generation ? kept.compiled : this.#load(service);
    if (compiled === undefined || generation === undefined) return undefined;
    this.#compiled.set(service, { generation, compiled });
    const [oldest] = this.#compiled.keys();
    if (this.#compiled.size > keptSnapshots && oldest !== undefined) this.#compiled.delete(oldest);
    return compiled;
  }

  #load(service: string): CompiledSnapshot | undefined {
    const bytes = this.#source.bytes(service);
    const read = bytes && readSnapshot(bytes);
    if (!read || "error" in read) return undefined;
    const compiled = compileSnapshot(read.snapshot);
    return "error" in compiled ? undefined : compiled.compiled;
  }
}

function pastOf(refused: RefusedRequest, newest: number | undefined): PastRequest {
  const { id, method, url, headers, withheld, reason, text, atMs, generation } = refused;
  return {
    request: { id, method, url, headers },
    answered: { reason, text, atMs, generation },
    isOutdated: newest !== undefined && newest !== generation,
    withheld,
  };
}

function unknownId(id: Json): UserError {
  if (typeof id !== "string")
    return new UserError({
      code: "invalid",
      field: "id",
      message: `Invalid value for field 'id': ${JSON.stringify(id)}. It must be text.`,
    });
  const message = `No answer of the mesh with the id '${id.slice(0, 100)}' is known. Proxies report theirs with their next look for configuration; the newest thousand are kept, in memory.`;
  return new UserError({ code: "notFound", field: "id", message });
}
