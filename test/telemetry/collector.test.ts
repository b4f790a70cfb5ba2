import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { collector } from "#telemetry/collector.ts";

async function serving(status: number): Promise<{ url: string; asked: string[]; stop: () => void }> {
  const asked: string[] = [];
  const server = http.createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers["content-type"]}`);
    response.writeHead(status, { location: "/elsewhere" }).end("{}");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const stop = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, stop };
}

test.each([
  [200, true],
  [503, false],
  [302, false],
])("a collector that answers %i took the spans: %s", async (status, expected) => {
  const { url, asked, stop } = await serving(status);
  expect(await collector(`${url}/`)("{}")).toBe(expected);
  expect(asked).toEqual(["POST /v1/traces application/json"]);
  stop();
});

test("a collector that is not there did not take them", async () => {
  const { url, stop } = await serving(200);
  stop();
  expect(await collector(url)("{}")).toBe(false);
});
