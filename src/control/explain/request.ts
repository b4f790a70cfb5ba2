import { UserError, type Fault } from "#base/errors.ts";
import { isJsonObject, type Json } from "#base/json.ts";
import { type RequestView, requestTo } from "#proxy/match/request.ts";
import type { RefusedRequest } from "./refused-log.ts";

/** The request that is to be explained. */

/** One whose headers are all there. */
export interface WholeRequest extends RequestView {
  readonly headers: Headers;
}

/** Of a body `{method?, url, headers?: [{name, value}]}`. Throws `UserError` with every field that is wrong. */
export function readRequest(body: Json | undefined): WholeRequest {
  const faults: Fault[] = [];
  const given = isJsonObject(body) ? body : {};
  const method = given["method"] ?? "GET";
  if (typeof method !== "string" || !/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(method)) {
    faults.push({ code: "invalid", field: "method", message: "Invalid value for field 'method': it must be an HTTP method such as GET." });
  }
  const url = readUrl(given["url"], faults);
  const headers = readHeaders(given["headers"], faults);
  if (faults.length > 0 || !url || typeof method !== "string") throw new UserError(faults);
  return requestTo(url, { method, headers });
}

/** Stands for a value that nobody kept, so that rules on the header's presence read as they did. */
const withheldValue = "[withheld]";

/** One that the mesh has answered itself. Its URL is what a Worker saw, which is not always one that can be parsed (`OPTIONS *`). */
export function viewOfRefused({ method, url, headers, withheld }: RefusedRequest): WholeRequest {
  const [, scheme, authority = "", target = ""] = /^(https?):\/\/([^/]*)(.*)$/s.exec(url) ?? [];
  const kept = new Headers(headers.map(({ name, value }): [string, string] => [name, value]));
  for (const name of withheld) kept.set(name, withheldValue);
  return { method, scheme: scheme === "https" ? "https" : "http", authority, target, headers: kept };
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
