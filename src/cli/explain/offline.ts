/** `explain --file`: what a mesh made of these files would do, with its own compiler and decision function and no mesh running. */
import type { JsonObject } from "#base/json.ts";
import { compileService } from "#control/compiler/service.ts";
import { serviceTable } from "#control/compiler/services.ts";
import { explain, explainUnknownHost } from "#proxy/filters/explain.ts";
import { compileSnapshot } from "#proxy/match/compile.ts";
import { HostTable } from "#proxy/match/hosts.ts";
import { type RequestView, requestTo } from "#proxy/match/request.ts";
import { CommandError } from "../exit.ts";
import { manifestsOf } from "../files/manifest.ts";
import { resourceView } from "../files/resource-view.ts";

export interface AskedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
}

/**
 * The answer of the API, without what only a mesh that runs can know (endpoints, circuits), and with the compiler's warnings. Throws
 * `CommandError` for faults of the files, `file:line:col: message`, and of the request.
 */
export async function explainFiles(files: readonly string[], project: string, asked: AskedRequest): Promise<JsonObject> {
  const request = viewOf(asked);
  const view = resourceView(await manifestsOf(files), project);
  const { entries } = serviceTable(view);
  const entry = new HostTable(entries.map((each) => [each.service, each] as const)).find(request.authority);
  if (!entry) {
    const services = entries.map(({ service }) => service);
    return plain(explainUnknownHost(request.authority, services));
  }
  const { snapshot, warnings } = compileService(view, entry);
  const compiled = compileSnapshot(snapshot);
  if ("error" in compiled) throw new CommandError(`no proxy could take this configuration of ${entry.service}: ${compiled.error}`);
  const { destinations, ...answer } = explain(compiled.compiled, request, { headers: request.headers });
  const known = destinations?.map(({ endpoints: _endpoints, endpointsOmitted: _omitted, ...destination }) => destination);
  return plain({ ...answer, ...(known && { destinations: known }), ...(warnings.length > 0 && { warnings }) });
}

/** Absent fields away, so that it is what the API's JSON would be. */
function plain(answer: object): JsonObject {
  return JSON.parse(JSON.stringify(answer)) as JsonObject;
}

function viewOf({ method, url, headers: given }: AskedRequest): RequestView & { readonly headers: Headers } {
  const parsed = URL.parse(url);
  if (!parsed || !/^https?:$/.test(parsed.protocol)) throw new CommandError(`'${url}' is no http or https URL`);
  return requestTo(parsed, { method, headers: headersOf(given) });
}

function headersOf(given: AskedRequest["headers"]): Headers {
  const headers = new Headers();
  for (const { name, value } of given) {
    try {
      headers.append(name, value);
    } catch {
      throw new CommandError(`'${name}: ${value}' is no header`);
    }
  }
  return headers;
}
