import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";
import { ApiError, createClient, type Client } from "#client/client.ts";

let server: Server | undefined;

async function serving(handler: (request: IncomingMessage, response: ServerResponse) => void, token?: string): Promise<Client> {
  server = createServer(handler);
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return createClient({ api: `http://127.0.0.1:${port}`, ...(token === undefined ? {} : { token }) });
}

afterEach(() => {
  server?.close();
});

async function refusal(status: number, body: string): Promise<ApiError> {
  const client = await serving((_request, response) => response.writeHead(status).end(body));
  const thrown: unknown = await client.call("GET", "/x").catch((failure: unknown) => failure);
  expect(thrown).toBeInstanceOf(ApiError);
  return thrown as ApiError;
}

const google = JSON.stringify({
  error: {
    code: 400,
    message: "first",
    errors: [
      { reason: "invalid", message: "first", location: "resource.a", locationType: "parameter" },
      { reason: "required", message: "second" },
    ],
  },
});
const violations = [{ field: "resource.a", description: "first" }];
const rpc = JSON.stringify({
  error: { code: 400, message: "all", status: "INVALID_ARGUMENT", details: [{ "@type": "x", fieldViolations: violations }] },
});
const bare = JSON.stringify({ error: { code: 404, message: "gone", status: "NOT_FOUND" } });

it.each([
  ["compute's", 400, google, "invalid", [{ message: "first", field: "resource.a" }, { message: "second" }]],
  ["google.rpc's", 400, rpc, "INVALID_ARGUMENT", [{ message: "first", field: "resource.a" }]],
  ["without details", 404, bare, "NOT_FOUND", [{ message: "gone" }]],
  ["text", 502, "bad gateway", "unknown", [{ message: "bad gateway" }]],
  ["nothing", 503, "", "unknown", [{ message: "HTTP 503" }]],
  ["JSON of another shape", 500, '{"error":"x"}', "unknown", [{ message: '{"error":"x"}' }]],
])("an error in %s form keeps its words", async (_form, status, body, reason, faults) => {
  const error = await refusal(status, body);
  expect([error.status, error.reason, error.faults]).toEqual([status, reason, faults]);
});

it("is an error of its own when nobody answers", async () => {
  const client = createClient({ api: "http://127.0.0.1:1" });
  await expect(client.call("GET", "/x")).rejects.toMatchObject({ status: 0, reason: "unreachable" });
});

it("is an error when the answer is no JSON object", async () => {
  const client = await serving((_request, response) => response.end("<html>"));
  await expect(client.call("GET", "/x")).rejects.toThrow("is it a Wayside control API?");
});

it("finds nothing where there is nothing, and throws for the rest", async () => {
  const client = await serving((request, response) => response.writeHead(request.url === "/gone" ? 404 : 403).end("{}"));
  expect(await client.find("/gone")).toBeUndefined();
  await expect(client.find("/forbidden")).rejects.toMatchObject({ status: 403 });
});

it("sends JSON and the token, and reads an empty answer", async () => {
  let seen: unknown;
  const client = await serving((request, response) => {
    let text = "";
    request.on("data", (chunk) => (text += String(chunk)));
    request.on("end", () => {
      seen = {
        method: request.method,
        url: request.url,
        token: request.headers.authorization,
        type: request.headers["content-type"],
        text,
      };
      response.end();
    });
  }, "secret-token");
  expect(await client.call("POST", "/x?y=1", { a: 1 })).toEqual({});
  expect(seen).toEqual({ method: "POST", url: "/x?y=1", token: "Bearer secret-token", type: "application/json", text: '{"a":1}' });
});

it("reads lists over all their pages, aggregated ones too", async () => {
  const client = await serving((request, response) => {
    const url = new URL(request.url ?? "/", "http://x");
    const page = Number(url.searchParams.get("pageToken") ?? "0");
    const item = { name: `item-${page}` };
    const items =
      url.pathname === "/aggregated" ? { global: { urlMaps: [item] }, "regions/r": { warning: { code: "NO_RESULTS_ON_PAGE" } } } : [item];
    response.end(JSON.stringify({ items, ...(page < 2 ? { nextPageToken: String(page + 1) } : {}) }));
  });
  const expected = [{ name: "item-0" }, { name: "item-1" }, { name: "item-2" }];
  expect(await client.list("/list?filter=x", "items")).toEqual(expected);
  expect(await client.listAggregated("/aggregated", "urlMaps")).toEqual(expected);
});

it("streams what comes as it comes", async () => {
  const client = await serving((_request, response) => {
    response.write("first\n");
    response.end("second\n");
  });
  expect(await new Response(await client.stream("/logs")).text()).toBe("first\nsecond\n");
});
