import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import net from "node:net";
import type { AddressInfo } from "node:net";
import { Readable, Writable } from "node:stream";
import { afterEach, describe, expect, test } from "vitest";
import type { ProbeSpec } from "#instances/group/spec.ts";
import { probe } from "#instances/health/probe.ts";
import type { Net, NetSocket } from "#instances/health/probe.ts";
import { httpProbe } from "../group/specs.ts";

/** Node's own network in the shape of a network binding. */
const network: Net = { fetch: (url, init) => fetch(url, init), connect };

function connect(address: string): NetSocket {
  const url = new URL(`tcp://${address}`);
  const socket = net.connect(Number(url.port), url.hostname.replace(/^\[|\]$/g, ""));
  const opened = new Promise((resolve, reject) => {
    socket.once("connect", resolve);
    socket.on("error", reject);
  });
  return {
    opened,
    readable: Readable.toWeb(socket) as ReadableStream<Uint8Array>,
    writable: Writable.toWeb(socket) as WritableStream<Uint8Array>,
    close: async () => void socket.destroy(),
  };
}

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

async function listen(server: net.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

function httpServer(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<number> {
  const server = createServer(answer);
  cleanups.push(() => server.closeAllConnections());
  return listen(server);
}

function tcpServer(answer: (socket: net.Socket) => void): Promise<number> {
  return listen(
    net.createServer((socket) => {
      cleanups.push(() => socket.destroy());
      socket.on("error", () => socket.destroy());
      answer(socket);
    }),
  );
}

/** A port on which nobody listens any more. */
async function closedPort(): Promise<number> {
  const server = net.createServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const http = (spec: Partial<ProbeSpec>, port: number): ReturnType<typeof probe> =>
  probe(network, { ...httpProbe, timeoutMs: 2000, ...spec }, { address: "127.0.0.1", port });
const tcp = (tcpSpec: NonNullable<ProbeSpec["tcp"]>, port: number, timeoutMs = 2000): ReturnType<typeof probe> =>
  probe(network, { ...httpProbe, type: "TCP", timeoutMs, tcp: tcpSpec }, { address: "127.0.0.1", port });

describe("HTTP", () => {
  test.each([
    [200, { ok: true }],
    [204, { ok: false, reached: true, why: "status 204 instead of 200" }],
    [301, { ok: false, reached: true, why: "status 301 instead of 200" }],
    [404, { ok: false, reached: true, why: "status 404 instead of 200" }],
    [503, { ok: false, reached: true, why: "status 503 instead of 200" }],
  ])("status %i", async (status, expected) => {
    const port = await httpServer((_, response) => response.writeHead(status, { location: "/elsewhere" }).end());
    expect(await http({}, port)).toEqual(expected);
  });

  test("asks for the path, follows no redirect, and sends the health check's host along", async () => {
    const seen: IncomingMessage[] = [];
    const port = await httpServer((request, response) => {
      seen.push(request);
      response.writeHead(302, { location: "/healthy" }).end();
    });
    await http({ http: { path: "/up?deep=1", host: "shop.internal" } }, port);
    expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual(["GET /up?deep=1"]);
    expect(seen[0]?.headers).toMatchObject({ "x-forwarded-host": "shop.internal", "user-agent": "Wayside-HC/1.0" });
  });

  test.each([
    ["found", "all is well here", "is well", true],
    ["not found", "all is lost", "is well", false],
    ["an empty body", "", "is well", false],
    ["in the first 1024 bytes", `${"x".repeat(1017)}is well`, "is well", true],
    ["only after them", `${"x".repeat(1018)}is well`, "is well", false],
    ["nothing expected", "anything", "", true],
  ])("expected response: %s", async (_, ...[body, response, ok]) => {
    const port = await httpServer((_request, answer) => answer.end(body));
    expect((await http({ http: { path: "/", response } }, port)).ok).toBe(ok);
  });

  test("an endless body is not read to its end", async () => {
    const port = await httpServer((_, response) => {
      response.write("is well");
      const timer = setInterval(() => response.write("and on "), 5);
      cleanups.push(() => clearInterval(timer));
    });
    expect(await http({ http: { path: "/", response: "is well" } }, port)).toEqual({ ok: true });
    expect(await http({}, port)).toEqual({ ok: true });
  });

  test("no answer in time", async () => {
    const port = await httpServer(() => undefined);
    expect(await http({ timeoutMs: 60 }, port)).toEqual({ ok: false, reached: false, why: "no answer within 60 ms" });
  });

  test("a body that stalls before the expected response", async () => {
    const port = await httpServer((_, response) => void response.write("is"));
    expect(await http({ timeoutMs: 100, http: { path: "/", response: "is well" } }, port)).toMatchObject({ ok: false, reached: false });
  });

  test("nobody listens", async () => {
    expect(await http({}, await closedPort())).toMatchObject({ ok: false, reached: false });
  });

  test("something that speaks no HTTP", async () => {
    const port = await tcpServer((socket) => socket.end("SSH-2.0-OpenSSH\r\n"));
    expect(await http({}, port)).toMatchObject({ ok: false });
  });

  test("HTTPS asks by an https URL, and an IPv6 address stands in brackets", async () => {
    const urls: string[] = [];
    const recording: Net = { connect, fetch: async (url) => (urls.push(url), new Response()) };
    await probe(recording, { ...httpProbe, type: "HTTPS" }, { address: "fd00::1", port: 8443 });
    expect(urls).toEqual(["https://[fd00::1]:8443/healthz"]);
  });
});

describe("TCP", () => {
  test("a connection is enough", async () => {
    expect(await tcp({}, await tcpServer(() => undefined))).toEqual({ ok: true });
  });

  test("nobody listens", async () => {
    expect(await tcp({}, await closedPort())).toMatchObject({ ok: false, reached: false });
  });

  const echo = (socket: net.Socket): void => void socket.on("data", (data) => socket.write(`re:${data.toString()}`));

  test.each([
    ["the exact response", "re:ping", true],
    ["its beginning", "re:", true],
    ["another one", "no:ping", false],
  ])("request and %s", async (_, response, ok) => {
    expect((await tcp({ request: "ping", response }, await tcpServer(echo))).ok).toBe(ok);
  });

  test("a banner that arrives in pieces", async () => {
    const port = await tcpServer((socket) => {
      socket.write("220 ");
      setTimeout(() => socket.write("ready"), 10);
    });
    expect(await tcp({ response: "220 ready" }, port)).toEqual({ ok: true });
  });

  test("a connection that is closed before the response is whole", async () => {
    const port = await tcpServer((socket) => socket.end("220"));
    expect(await tcp({ response: "220 ready" }, port)).toMatchObject({ ok: false, reached: true });
  });

  test("a server that only listens when an answer is expected", async () => {
    const port = await tcpServer(() => undefined);
    expect(await tcp({ request: "ping", response: "pong" }, port, 60)).toEqual({
      ok: false,
      reached: false,
      why: "no answer within 60 ms",
    });
  });

  test("a binding that refuses at once", async () => {
    const refusing: Net = {
      fetch: () => Promise.reject(new Error("refused")),
      connect: () => {
        throw new Error("not in the allowed network");
      },
    };
    const outcome = await probe(refusing, { ...httpProbe, type: "TCP" }, { address: "10.0.0.1", port: 1 });
    expect(outcome).toEqual({ ok: false, reached: false, why: "not in the allowed network" });
  });
});
