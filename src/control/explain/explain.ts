import { UserError, type Fault } from "#base/errors.ts";
import { isJsonObject, type Json } from "#base/json.ts";
import { readSnapshot } from "#ir/codec.ts";
import { explain, type ExplainAnswer } from "#proxy/filters/explain.ts";
import { compileSnapshot, type CompiledSnapshot } from "#proxy/match/compile.ts";
import { HostTable } from "#proxy/match/hosts.ts";
import type { RequestView } from "#proxy/match/request.ts";

/** Compiled snapshots kept in memory: enough for a person or a test going to and fro between services. */
const keptSnapshots = 32;

/** The answer when no service takes the host. */
export interface UnknownHost {
  readonly matched: false;
  readonly action: "none";
  readonly trace: readonly { readonly matched: false; readonly why: string }[];
}

/** Where the newest configurations are. */
export interface SnapshotSource {
  services(): readonly string[];
  newest(service: string): { readonly generation: number } | undefined;
  bytes(service: string): Uint8Array<ArrayBuffer> | undefined;
}

/** Says what the mesh would do to a request, with the proxies' own decision function and the newest configuration. */
export class Explainer {
  readonly #source: SnapshotSource;
  /** Least recently used first. */
  readonly #compiled = new Map<string, { readonly generation: number; readonly compiled: CompiledSnapshot }>();

  constructor(source: SnapshotSource) {
    this.#source = source;
  }

  /** `body` is `{method?, url, headers?: [{name, value}]}`. Errors: `UserError` with the field that is wrong. */
  explain(body: Json | undefined): ExplainAnswer | UnknownHost {
    const request = readRequest(body);
    const services = this.#source.services();
    const service = new HostTable(services.map((name) => [name, name] as const)).find(request.authority);
    const compiled = service === undefined ? undefined : this.#compile(service);
    return compiled ? explain(compiled, request) : unknownHost(request.authority, services);
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

function unknownHost(authority: string, services: readonly string[]): UnknownHost {
  const known =
    services.length === 0
      ? "the project has no services"
      : `services are: ${services.slice(0, 20).join(", ")}${services.length > 20 ? ", …" : ""}`;
  return { matched: false, action: "none", trace: [{ matched: false, why: `no service takes the host '${authority}'; ${known}` }] };
}

function readRequest(body: Json | undefined): RequestView {
  const faults: Fault[] = [];
  const given = isJsonObject(body) ? body : {};
  const method = given["method"] ?? "GET";
  if (typeof method !== "string" || !/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(method)) {
    faults.push({ code: "invalid", field: "method", message: "Invalid value for field 'method': it must be an HTTP method such as GET." });
  }
  const url = readUrl(given["url"], faults);
  const headers = readHeaders(given["headers"], faults);
  if (faults.length > 0 || !url || typeof method !== "string") throw new UserError(faults);
  return {
    method,
    scheme: url.protocol === "https:" ? "https" : "http",
    authority: headers.get("host") ?? url.host,
    target: url.pathname + url.search,
    headers,
  };
}

function readUrl(value: Json | undefined, faults: Fault[]): URL | undefined {
  if (value === undefined) {
    faults.push({
      code: "required",
      field: "url",
      message: "Required field 'url' not specified: an absolute URL such as http://cart.shop.mesh/items.",
    });
    return undefined;
  }
  const url = typeof value === "string" ? (URL.parse(value) ?? undefined) : undefined;
  if (url && (url.protocol === "http:" || url.protocol === "https:")) return url;
  const message = `Invalid value for field 'url': ${JSON.stringify(value)}. It must be an absolute http or https URL such as http://cart.shop.mesh/items.`;
  faults.push({ code: "invalid", field: "url", message });
  return undefined;
}

function readHeaders(value: Json | undefined, faults: Fault[]): Headers {
  const headers = new Headers();
  if (value !== undefined && !Array.isArray(value)) {
    faults.push({ code: "invalid", field: "headers", message: "Invalid value for field 'headers': it must be a list of {name, value}." });
  }
  for (const [index, header] of (Array.isArray(value) ? value : []).entries()) {
    const { name, value: text } = isJsonObject(header) ? header : {};
    try {
      if (typeof name !== "string" || typeof text !== "string") throw new TypeError("name and value must be strings");
      headers.append(name, text);
    } catch {
      const field = `headers[${index}]`;
      faults.push({
        code: "invalid",
        field,
        message: `Invalid value for field '${field}': it must be {name, value}, a legal header name and value.`,
      });
    }
  }
  return headers;
}
