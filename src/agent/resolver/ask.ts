import { createSocket } from "node:dgram";
import { connect, isIPv6 } from "node:net";
import { FrameReader, framed } from "./frames.ts";
import { isReplyTo, type Question } from "./message.ts";
import type { ResolverAddress } from "./system-resolvers.ts";

/** One query to one resolver of the system, its reply byte for byte; undefined when there is none in time. */

export interface Asked {
  readonly query: Uint8Array;
  readonly question: Question;
  readonly timeoutMs: number;
}

/** From a port of its own, which is connected: who wants to forge a reply has to guess the port as well as the id. */
export function askByUdp({ query, question, timeoutMs }: Asked, { address, port }: ResolverAddress): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(address) ? "udp6" : "udp4");
    const timer = setTimeout(() => end(undefined), timeoutMs);
    let isOver = false;
    const end = (reply: Uint8Array | undefined): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      socket.close();
      resolve(reply);
    };
    socket.on("error", () => end(undefined));
    socket.on("message", (reply) => isReplyTo(query, question, reply) && end(reply));
    // Without a callback, so that its failures are errors of the socket like all others.
    socket.on("connect", () => !isOver && socket.send(query));
    socket.connect(port, address);
  });
}

export function askByTcp({ query, question, timeoutMs }: Asked, { address, port }: ResolverAddress): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const timer = setTimeout(() => socket.destroy(), timeoutMs);
    const reader = new FrameReader();
    let answer: Uint8Array | undefined;
    socket.on("connect", () => socket.write(framed(query)));
    socket.on("data", (chunk) => {
      answer = reader.read(chunk).find((reply) => isReplyTo(query, question, reply));
      if (answer) socket.destroy();
    });
    socket.on("error", () => undefined);
    socket.on("end", () => socket.destroy());
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(answer);
    });
  });
}
