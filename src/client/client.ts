/** The control API for programs: paths in, JSON out, Google's errors as one class. Used by the CLI and by tests. */
import { isJsonObject, type Json, type JsonObject } from "#base/json.ts";

export interface ClientOptions {
  /** Origin of the control API, such as `http://127.0.0.1:8787`. */
  readonly api: string;
  /** Bearer token; the emulator asks for none. */
  readonly token?: string;
}

/** One thing that the API found wrong. */
export interface ApiFault {
  readonly message: string;
  /** Path from the root of what was sent, such as `resource.backends[0].group`. */
  readonly field?: string;
}

/** What the API refused, in its own words. */
export class ApiError extends Error {
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** Google's `reason` (`notFound`, `conditionNotMet`, …) or `status` (`NOT_FOUND`); `unreachable` when there was no answer. */
  readonly reason: string;
  /** Everything that the answer names, at least one: Google may report several faults at once. */
  readonly faults: readonly ApiFault[];
  /** The whole answer, where it was JSON: some say more than what is wrong. */
  readonly body: JsonObject | undefined;

  constructor(
    status: number,
    reason: string,
    said: readonly ApiFault[] | { readonly faults: readonly ApiFault[]; readonly body: JsonObject | undefined },
  ) {
    const { faults, body } = "faults" in said ? said : { faults: said, body: undefined };
    super(faults.map(({ message }) => message).join("; "));
    this.name = "ApiError";
    this.status = status;
    this.reason = reason;
    this.faults = faults;
    this.body = body;
  }
}

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface Client {
  readonly api: string;
  /** One call; `path` begins with `/` and may carry a query. Throws `ApiError` for anything but 2xx. An empty answer is `{}`. */
  call(method: Method, path: string, body?: Json): Promise<JsonObject>;
  /** Like `call` with GET, undefined where there is nothing (404). */
  find(path: string): Promise<JsonObject | undefined>;
  /** All items of a list over all its pages; `field` is the list's name in the answer (`items`, `httpRoutes`). */
  list(path: string, field: string): Promise<JsonObject[]>;
  /** All items of one of Compute's aggregated lists, whatever their scope. */
  listAggregated(path: string, collection: string): Promise<JsonObject[]>;
  /** The body as it comes, for logs. Throws `ApiError`. */
  stream(path: string): Promise<ReadableStream<Uint8Array>>;
}

export function createClient(options: ClientOptions): Client {
  const call = async (method: Method, path: string, body?: Json): Promise<JsonObject> => {
    const response = await send(options, method, { path, ...(body === undefined ? {} : { body }) });
    const text = await response.text();
    const parsed = text === "" ? {} : parsedOf(text);
    if (isJsonObject(parsed)) return parsed;
    throw new ApiError(response.status, "unknown", [{ message: `${options.api} answers no JSON: is it a Wayside control API?` }]);
  };
  return {
    api: options.api,
    call,
    find: async (path) => {
      try {
        return await call("GET", path);
      } catch (failure) {
        if (failure instanceof ApiError && failure.status === 404) return undefined;
        throw failure;
      }
    },
    list: async (path, field) => (await pagesOf(call, path)).flatMap((page) => objectsOf(page[field])),
    listAggregated: async (path, collection) => {
      const scopes = (await pagesOf(call, path)).flatMap(({ items }) =>
        isJsonObject(items) ? Object.values(items).filter(isJsonObject) : [],
      );
      return scopes.flatMap((scope) => objectsOf(scope[collection]));
    },
    stream: async (path) => {
      const response = await send(options, "GET", { path });
      return response.body ?? new ReadableStream({ start: (controller) => controller.close() });
    },
  };
}

async function pagesOf(call: Client["call"], path: string): Promise<JsonObject[]> {
  const pages: JsonObject[] = [];
  let token = "";
  do {
    const query = token === "" ? "" : `${path.includes("?") ? "&" : "?"}pageToken=${encodeURIComponent(token)}`;
    const page = await call("GET", path + query);
    pages.push(page);
    token = typeof page["nextPageToken"] === "string" ? page["nextPageToken"] : "";
  } while (token !== "");
  return pages;
}

async function send(options: ClientOptions, method: Method, { path, body }: { path: string; body?: Json }): Promise<Response> {
  const headers: Record<string, string> = {};
  if (body !== undefined) headers["content-type"] = "application/json";
  if (options.token !== undefined) headers["authorization"] = `Bearer ${options.token}`;
  let response: Response;
  try {
    response = await fetch(new URL(path, options.api), { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  } catch {
    const message = `no answer from ${options.api}: is \`wayside dev\` running? --api or WAYSIDE_API names another address`;
    throw new ApiError(0, "unreachable", [{ message }]);
  }
  if (!response.ok) throw errorOf(response.status, await response.text());
  return response;
}

/** Reads both of Google's error shapes; an answer of neither shape is shown as it is. */
function errorOf(status: number, text: string): ApiError {
  const error = errorIn(text);
  if (error === undefined) return new ApiError(status, "unknown", [{ message: text.slice(0, 500) || `HTTP ${status}` }]);
  const compute = objectsOf(error["errors"]);
  const details = objectsOf(error["details"]).flatMap((detail) => objectsOf(detail["fieldViolations"]));
  const faults = [
    ...compute.map((one) => faultOf(one["message"], one["location"])),
    ...details.map((one) => faultOf(one["description"], one["field"])),
  ].filter((fault) => fault !== undefined);
  const reason = compute[0]?.["reason"] ?? error["status"];
  const message = typeof error["message"] === "string" ? error["message"] : `HTTP ${status}`;
  return new ApiError(status, typeof reason === "string" ? reason : "unknown", {
    faults: faults.length > 0 ? faults : [{ message }],
    body: bodyIn(text),
  });
}

function bodyIn(text: string): JsonObject | undefined {
  const parsed = parsedOf(text);
  return isJsonObject(parsed) ? parsed : undefined;
}

function errorIn(text: string): JsonObject | undefined {
  const parsed = parsedOf(text);
  return isJsonObject(parsed) && isJsonObject(parsed["error"]) ? parsed["error"] : undefined;
}

/** Undefined when the text is no JSON. */
function parsedOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function objectsOf(value: Json | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

function faultOf(message: Json | undefined, field: Json | undefined): ApiFault | undefined {
  if (typeof message !== "string") return undefined;
  return typeof field === "string" ? { message, field } : { message };
}
