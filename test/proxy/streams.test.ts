/** What a route bounds in time, hedging, and bodies and conversations on their way, through workerd. */
import type http from "node:http";
import type net from "node:net";
import { describe, expect, test, vi } from "vitest";
import type { Instance } from "./instance.ts";
import { eventually, serviceOf, useMesh } from "./mesh-harness.ts";

// The time of a busy machine, not of the mesh.
vi.setConfig({ testTimeout: 20_000 });

const mesh = useMesh();
const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Writes a piece every `everyMs` until its connection is cut. */
function dribble(response: http.ServerResponse, everyMs: number): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  const timer = setInterval(() => response.write("data: x\n\n"), everyMs);
  response.on("close", () => clearInterval(timer));
}

/** How long it takes, in milliseconds. */
async function timed<T>(work: Promise<T>): Promise<{ value: T; ms: number }> {
  const begun = performance.now();
  const value = await work;
  return { value, ms: performance.now() - begun };
}

/** A request whose body is sent as the test goes on. */
function open(host: string, path = "/"): net.Socket & { text: string } {
  const socket = Object.assign(mesh.connect(), { text: "" });
  socket.on("data", (chunk: Buffer) => (socket.text += chunk.toString("latin1")));
  socket.on("error", () => undefined);
  socket.write(`POST ${path} HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\n`);
  return socket;
}

const piece = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;

describe("the route's timeout", () => {
  test("counts from the end of the request: a slow upload has all the time it needs", async () => {
    const app = await mesh.instance("127.20.30.1");
    await mesh.publish(serviceOf("upload.mesh", [app], { timeoutMs: 300 }));
    const socket = open("upload.mesh");
    for (let part = 0; part < 5; part++) {
      await pause(150);
      socket.write(piece("part"));
    }
    socket.write("0\r\n\r\n");
    await eventually(() => socket.text.includes("127.20.30.1"));
    expect(socket.text).toMatch(/^HTTP\/1\.1 200 /);
    expect(app.received[0]?.body.toString()).toBe("partpartpartpartpart");
    socket.destroy();
  });
});

describe("maxStreamDuration", () => {
  test("cuts an answer that goes on, and answers 504 where there is none", async () => {
    const app = await mesh.instance("127.20.31.1", (request, response) => {
      if (request.url === "/stream") dribble(response, 30);
    });
    await mesh.publish(serviceOf("duration.mesh", [app], { timeoutMs: 0, maxStreamDurationMs: 400 }));
    const streamed = await timed(mesh.ask("duration.mesh", "/stream"));
    expect([streamed.value.status, streamed.value.isBroken]).toEqual([200, true]);
    expect(streamed.ms).toBeGreaterThan(350);
    expect(streamed.ms).toBeLessThan(3_000);
    const silent = await mesh.ask("duration.mesh", "/silent");
    expect([silent.status, silent.headers["x-wayside-reason"]]).toEqual([504, "upstream_timeout"]);
    expect(silent.body.toString()).toContain("400 ms from beginning to end");
  });

  test("counts from the beginning of the request: an upload without end gets 408", async () => {
    const app = await mesh.instance("127.20.31.2");
    await mesh.publish(serviceOf("long-upload.mesh", [app], { timeoutMs: 0, maxStreamDurationMs: 300 }));
    const socket = open("long-upload.mesh");
    const timer = setInterval(() => socket.write(piece("x")), 50);
    await eventually(() => socket.text.includes("request_timeout"));
    clearInterval(timer);
    expect(socket.text).toMatch(/^HTTP\/1\.1 408 /);
    socket.destroy();
  });
});

describe("idleTimeout", () => {
  test("cuts an answer that falls silent, and leaves one that goes on", async () => {
    const app = await mesh.instance("127.20.32.1", (request, response) => {
      if (request.url === "/steady") {
        dribble(response, 60);
        setTimeout(() => response.end(), 900);
      } else {
        response.writeHead(200);
        response.write("one");
      }
    });
    await mesh.publish(serviceOf("idle.mesh", [app], { timeoutMs: 0, idleTimeoutMs: 300 }));
    const steady = await timed(mesh.ask("idle.mesh", "/steady"));
    expect([steady.value.status, steady.value.isBroken]).toEqual([200, false]);
    expect(steady.ms).toBeGreaterThan(800);
    const silent = await timed(mesh.ask("idle.mesh", "/silent"));
    expect([silent.value.status, silent.value.isBroken]).toEqual([200, true]);
    expect(silent.ms).toBeLessThan(3_000);
  });

  test("answers 408 to a caller who announces a body and sends none", async () => {
    const app = await mesh.instance("127.20.32.3");
    await mesh.publish(serviceOf("idle-upload.mesh", [app], { timeoutMs: 0, idleTimeoutMs: 300 }));
    const socket = Object.assign(mesh.connect(), { text: "" });
    socket.on("data", (chunk: Buffer) => (socket.text += chunk.toString("latin1")));
    socket.write("POST / HTTP/1.1\r\nHost: idle-upload.mesh\r\nContent-Length: 10\r\n\r\n12345");
    await eventually(() => socket.text.includes("request_timeout"));
    expect(socket.text).toMatch(/^HTTP\/1\.1 408 /);
    socket.destroy();
    const whole = await mesh.ask("idle-upload.mesh", "/", { method: "POST", body: "whole" });
    expect([whole.status, app.received.at(-1)?.body.toString(), app.received.at(-1)?.headers["content-length"]]).toEqual([
      200,
      "whole",
      "5",
    ]);
    expect((await mesh.ask("idle-upload.mesh", "/", { method: "POST", headers: { "content-length": 0 } })).status).toBe(200);
  });

  test("answers 504 to silence before an answer", async () => {
    const app = await mesh.instance("127.20.32.2", () => undefined);
    await mesh.publish(serviceOf("idle-head.mesh", [app], { timeoutMs: 0, idleTimeoutMs: 200 }));
    const answer = await mesh.ask("idle-head.mesh", "/");
    expect([answer.status, answer.headers["x-wayside-reason"]]).toEqual([504, "upstream_timeout"]);
  });
});

describe("WebSockets", () => {
  function connect(host: string): net.Socket & { bytes: Buffer; isClosed: boolean } {
    const socket = Object.assign(mesh.connect(), { bytes: Buffer.alloc(0), isClosed: false });
    socket.on("data", (chunk: Buffer) => (socket.bytes = Buffer.concat([socket.bytes, chunk])));
    socket.on("error", () => undefined);
    socket.on("close", () => (socket.isClosed = true));
    socket.write(
      `GET /ws HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
    );
    return socket;
  }
  /** The close frame of a server with status 1001: going away. */
  const goingAway = Buffer.from([0x88, 2, 0x03, 0xe9]);

  test("are bounded by maxStreamDuration, and not by the timeout", async () => {
    const app = await mesh.instance("127.20.33.1");
    await mesh.publish(serviceOf("ws-duration.mesh", [app], { timeoutMs: 200, maxStreamDurationMs: 800 }));
    const begun = performance.now();
    const socket = connect("ws-duration.mesh");
    await eventually(() => socket.bytes.includes(Buffer.from([0x81, 2, 0x68, 0x69])));
    await eventually(() => socket.bytes.includes(goingAway));
    expect(performance.now() - begun).toBeGreaterThan(700);
    socket.destroy();
  });

  test("are bounded by silence; each message counts", async () => {
    const app = await mesh.instance("127.20.33.2");
    await mesh.publish(serviceOf("ws-idle.mesh", [app], { timeoutMs: 200, idleTimeoutMs: 600 }));
    const socket = connect("ws-idle.mesh");
    await eventually(() => socket.bytes.includes(Buffer.from([0x81, 2])));
    // A masked text frame of a client: "hi", every 100 ms.
    const frame = Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]);
    for (let message = 0; message < 8; message++) {
      await pause(100);
      socket.write(frame);
    }
    expect(socket.bytes.includes(goingAway)).toBe(false);
    await eventually(() => socket.bytes.includes(goingAway));
    socket.destroy();
  });

  test("go on beyond the timeout where nothing else bounds them", async () => {
    const app = await mesh.instance("127.20.33.3");
    await mesh.publish(serviceOf("ws-free.mesh", [app], { timeoutMs: 200 }));
    const socket = connect("ws-free.mesh");
    await eventually(() => socket.bytes.includes(Buffer.from([0x81, 2])));
    await pause(500);
    expect([socket.isClosed, socket.bytes.includes(goingAway)]).toEqual([false, false]);
    socket.destroy();
  });
});

describe("hedging", () => {
  const hedge = { afterMs: 100, attempts: 3 };

  async function slowAndQuick(place: number): Promise<{ slow: Instance; quick: Instance; cut: () => number }> {
    let cut = 0;
    const slow = await mesh.instance(`127.20.${place}.1`, (_, response) => {
      const timer = setTimeout(() => response.end("slow"), 3_000);
      response.on("close", () => {
        if (!response.writableEnded) cut += 1;
        clearTimeout(timer);
      });
    });
    return { slow, quick: await mesh.instance(`127.20.${place}.2`), cut: () => cut };
  }

  test("has a slow instance made up for by another, and cuts the loser", async () => {
    const { slow, quick, cut } = await slowAndQuick(34);
    await mesh.publish(serviceOf("hedged.mesh", [slow, quick], { hedge }));
    for (let request = 0; request < 6; request++) {
      const { value, ms } = await timed(mesh.ask("hedged.mesh", "/"));
      expect([value.status, value.body.toString()]).toEqual([200, quick.address]);
      expect(ms).toBeLessThan(1_500);
    }
    expect(slow.received.length).toBeGreaterThan(0);
    await eventually(() => cut() === slow.received.length);
  });

  test("sends the same body to all, and never what may not be done twice", async () => {
    const { slow, quick } = await slowAndQuick(35);
    await mesh.publish(serviceOf("hedged-body.mesh", [slow, quick], { hedge, timeoutMs: 5_000 }));
    for (let request = 0; request < 4; request++)
      expect((await mesh.ask("hedged-body.mesh", "/", { method: "PUT", body: ["a ", "b ", "c"] })).body.toString()).toBe(quick.address);
    for (const each of [...slow.received, ...quick.received]) expect(each.body.toString()).toBe("a b c");
    const before = slow.received.length + quick.received.length;
    await Promise.all([0, 1].map(() => mesh.ask("hedged-body.mesh", "/", { method: "POST", body: "once" })));
    expect(slow.received.length + quick.received.length - before).toBe(2);
  });
});

describe("bodies of any length", () => {
  test("pass in both directions without being kept", async () => {
    const app = await mesh.instance("127.20.36.1", (request, response, body) => {
      response.end(`${body.length} ${request.headers["content-length"] ?? "chunked"}`);
    });
    await mesh.publish(serviceOf("large.mesh", [app], { retry: { conditions: ["5xx"], retries: 1 } }));
    const large = Buffer.alloc(3_000_000, "z");
    expect((await mesh.ask("large.mesh", "/", { method: "POST", body: large })).body.toString()).toBe("3000000 3000000");
    const pieces = Array.from({ length: 60 }, () => "y".repeat(50_000));
    expect((await mesh.ask("large.mesh", "/", { method: "PUT", body: pieces })).body.toString()).toBe("3000000 chunked");
  });

  test("an answer that begins before the request has ended passes at once", async () => {
    const stream = await mesh.instance("127.20.36.2", (_, response) => dribble(response, 40));
    await mesh.publish(serviceOf("sse.mesh", [stream], { timeoutMs: 0 }));
    const socket = mesh.connect();
    let text = "";
    socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
    socket.write("GET / HTTP/1.1\r\nHost: sse.mesh\r\n\r\n");
    // Piece by piece, long before the end that never comes.
    for (let seen = 1; seen <= 3; seen++) await eventually(() => text.split("data: x").length > seen);
    socket.destroy();
  });
});
