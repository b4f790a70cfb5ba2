/** An application that behaves badly on purpose and keeps what it was sent: paths of its own say how it answers. */
import { createHash, randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { httpUpstream, type Upstream } from "./upstream.ts";

/** What an application was sent, as far as it came. */
export interface Received {
  readonly method: string;
  readonly url: string;
  /** Names in lower case, each line of its own. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  body: Buffer;
  end?: "whole" | "aborted";
  /** The answer is through, or its connection is gone. */
  isOver: boolean;
}

/** How much `/flood` answers with, in blocks. */
export const floodBlocks = 512;
export const block = randomBytes(64 * 1024);

/** `hold` keeps what the test is to let happen by `release`. */
type Answer = (incoming: IncomingMessage, outgoing: ServerResponse, hold: (step: () => void) => void) => void;

/** Whatever is not named here gets `ok` once its body is in. */
const answers: Readonly<Record<string, Answer>> = {
  "/redirect": (_, outgoing) => outgoing.writeHead(302, { location: "http://127.0.0.1:9/elsewhere" }).end("over there"),
  "/cookies": (_, outgoing) =>
    outgoing.writeHead(200, { "set-cookie": ["a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT", "b=2; Path=/"] }).end("ok"),
  "/spoof": (_, outgoing) =>
    outgoing
      .writeHead(200, {
        connection: "x-hop, close",
        "x-hop": "1",
        "keep-alive": "timeout=9",
        "proxy-authenticate": "Basic",
        "x-wayside-reason": "spoofed",
      })
      .end("ok"),
  "/204": (_, outgoing) => outgoing.writeHead(204, { "x-app": "1" }).end(),
  "/304": (_, outgoing) => outgoing.writeHead(304, { etag: '"x"', "content-length": "500000" }).end(),
  "/large": (_, outgoing) => outgoing.writeHead(200, { "content-length": "500000" }).end(Buffer.alloc(500_000)),
  "/early": (_, outgoing) => outgoing.writeHead(413).end("too much"),
  "/reset": (incoming) => incoming.socket.resetAndDestroy(),
  "/reset-in-body": (incoming, outgoing, hold) => {
    outgoing.writeHead(200, { "content-length": "100000" }).write("x".repeat(1000));
    hold(() => incoming.socket.resetAndDestroy());
  },
  "/reset-in-chunks": (incoming, outgoing, hold) => {
    outgoing.writeHead(200).write("x".repeat(1000));
    hold(() => incoming.socket.resetAndDestroy());
  },
  "/never": () => undefined,
  "/endless": (_, outgoing) => {
    const timer = setInterval(() => outgoing.write("drop"), 20);
    outgoing.on("close", () => clearInterval(timer));
  },
  "/events": (_, outgoing, hold) => {
    outgoing.writeHead(200, { "content-type": "text/event-stream" }).write("data: one\n\n");
    hold(() => outgoing.end("data: two\n\n"));
  },
  "/flood": (_, outgoing) => {
    let left = floodBlocks;
    const more = (): void => {
      while (left-- > 0) if (!outgoing.write(block)) return void outgoing.once("drain", more);
      outgoing.end();
    };
    more();
  },
};

function record(incoming: IncomingMessage, received: Received[]): Received {
  const lines = incoming.rawHeaders.flatMap((name, at): [string, string][] =>
    at % 2 === 0 ? [[name.toLowerCase(), incoming.rawHeaders[at + 1] ?? ""]] : [],
  );
  const one: Received = { method: incoming.method ?? "", url: incoming.url ?? "", headers: lines, body: Buffer.alloc(0), isOver: false };
  incoming.on("data", (chunk: Buffer) => (one.body = Buffer.concat([one.body, chunk])));
  incoming.on("end", () => (one.end = "whole"));
  incoming.on("error", () => (one.end = "aborted"));
  received.push(one);
  return one;
}

/** Shakes hands and sends back, unmasked, what one short frame said. */
function shakeHands(incoming: IncomingMessage, socket: Socket): void {
  const accept = createHash("sha1").update(`${incoming.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
  socket.on("data", (frame: Buffer) => {
    const mask = frame.subarray(2, 6);
    const said = frame.subarray(6).map((byte, at) => byte ^ (mask[at % 4] ?? 0));
    if (said.length > 0) socket.write(Buffer.concat([Buffer.from([0x81, said.length]), said]));
  });
}

export interface Application extends Upstream {
  readonly received: Received[];
  /** What came last. */
  last(): Received;
  /** Lets happen what the answer under way waits for. */
  release(): void;
}

/** Starts one; `answer` takes the place of the answers by path. */
export async function startApplication(answer?: Answer): Promise<Application> {
  const received: Received[] = [];
  let held: () => void = () => undefined;
  const upstream = await httpUpstream(
    (incoming, outgoing) => {
      const one = record(incoming, received);
      outgoing.on("close", () => (one.isOver = true));
      const known = answer ?? answers[incoming.url?.split("?")[0] ?? ""];
      if (known) known(incoming, outgoing, (step) => (held = step));
      else incoming.on("end", () => outgoing.end("ok"));
    },
    (incoming, socket) => {
      const one = record(incoming, received);
      socket.on("close", () => (one.isOver = true)).on("end", () => socket.end());
      shakeHands(incoming, socket);
    },
  );
  return { ...upstream, received, last: () => received.at(-1) as Received, release: () => held() };
}
