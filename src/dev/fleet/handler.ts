/** The fleet over HTTP: the protocol of src/instances/fleet.ts, and the logs of its VMs. Reached by a service binding only. */
import { messageOf, UserError } from "#base/errors.ts";
import { isJsonObject, type JsonObject } from "#base/json.ts";
import type { FleetInstance } from "#instances/fleet.ts";
import type { Fleet } from "./fleet.ts";
import type { LogQuery } from "./log.ts";

/**
 * `PUT|DELETE /projects/{p}/{groupKey}/instances/{name}`, `POST …/{name}/suspend`, `GET /projects/{p}/{groupKey}/instances`, and
 * `GET /projects/{p}/logs/{name}?tail=N&follow=true` (plain text, streamed).
 * A call that cannot be answered gets 4xx with `{error:{message}}`; 5xx when the machine is at fault.
 */
export function fleetHandler(fleet: Fleet): (request: Request) => Promise<Response> {
  return async (request) => {
    try {
      return await answer(fleet, request);
    } catch (thrown) {
      const badText = thrown instanceof URIError || thrown instanceof SyntaxError;
      return failure(thrown instanceof UserError ? 409 : badText ? 400 : 500, messageOf(thrown));
    }
  };
}

async function answer(fleet: Fleet, request: Request): Promise<Response> {
  const url = new URL(request.url);
  const log = /^\/projects\/([^/]+)\/logs\/([^/]+)$/.exec(url.pathname);
  if (log) return logAnswer(fleet, { project: decoded(log[1]), name: decoded(log[2]) }, url.searchParams);
  const match = /^\/projects\/([^/]+)\/(.+)\/instances(?:\/([^/]+)(\/suspend)?)?$/.exec(url.pathname);
  if (!match) return failure(404, `No such path: ${url.pathname}`);
  const [project, group] = [decoded(match[1]), decoded(match[2])];
  if (match[3] === undefined) {
    return request.method === "GET" ? Response.json(fleet.list(project, group)) : failure(405, "Only GET");
  }
  const key = { project, group, name: decoded(match[3]) };
  const id = url.searchParams.get("id") ?? undefined;
  if (match[4] !== undefined) {
    if (request.method !== "POST") return failure(405, "Only POST");
    const isThere = await fleet.suspend(key, id);
    return isThere ? new Response(null, { status: 204 }) : failure(404, `There is no instance ${key.name}`);
  }
  if (request.method === "DELETE") {
    await fleet.delete(key, id);
    return new Response(null, { status: 204 });
  }
  if (request.method !== "PUT") return failure(405, "Only PUT and DELETE");
  const instance: unknown = await request.json();
  const fault = isJsonObject(instance) ? faultOf(instance, key) : "The body must be a JSON object";
  if (fault !== undefined) return failure(400, fault);
  return Response.json(await fleet.put(instance as unknown as FleetInstance));
}

const shapes: Readonly<Record<string, RegExp>> = {
  name: /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/,
  id: /^\d{1,20}$/,
  groupName: /./,
  zone: /./,
  template: /^/,
  machineType: /^/,
};

/** Names become names of folders, ids become numbers: both are looked at here, at the border. */
function faultOf(body: JsonObject, key: Readonly<Record<string, string>>): string | undefined {
  for (const [field, wanted] of Object.entries(key)) {
    if (body[field] !== wanted) return `${field} must be ${wanted}, as in the path`;
  }
  for (const [field, shape] of Object.entries(shapes)) {
    const value = body[field];
    if (typeof value !== "string" || !shape.test(value)) return `${field} must be a string like ${String(shape)}`;
  }
  for (const field of ["metadata", "labels"]) if (!isJsonObject(body[field])) return `${field} must be an object`;
  for (const field of ["tags", "namedPorts"]) if (!Array.isArray(body[field])) return `${field} must be a list`;
  return undefined;
}

function logAnswer(fleet: Fleet, key: { project: string; name: string }, query: URLSearchParams): Response {
  const tail = query.get("tail");
  if (tail !== null && !/^\d{1,9}$/.test(tail)) return failure(400, `tail must be a number of lines, not "${tail}"`);
  const logQuery: LogQuery = {
    follow: ["1", "true", ""].includes(query.get("follow") ?? "false"),
    ...(tail === null ? {} : { tail: Number(tail) }),
  };
  const body = fleet.log(key.project, key.name, logQuery);
  if (!body) return failure(404, `The instance '${key.name}' was not found in project '${key.project}': it has no log here.`);
  return new Response(body, { headers: { "content-type": "text/plain; charset=utf-8" } });
}

function decoded(part: string | undefined): string {
  return decodeURIComponent(part ?? "");
}

function failure(status: number, message: string): Response {
  return Response.json({ error: { code: status, message } }, { status });
}
