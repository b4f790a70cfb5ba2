import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { createServer, isIPv4, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { type Clock, systemClock } from "#base/clock.ts";
import { UserError } from "#base/errors.ts";
import { isLoopbackName } from "#base/loopback.ts";
import { Forwarder } from "./forwarder.ts";
import { FrameReader, framed } from "./frames.ts";
import { type ResolverAddress, systemResolvers } from "./system-resolvers.ts";

/**
 * The agent's own DNS server: a loopback port, UDP and TCP, for programs and resolvers that are pointed to it. It changes nothing of the
 * machine's own resolution, and whoever asks it gets for all names outside the mesh what the machine's resolvers say.
 */

export interface ResolverOptions {
  /** An IPv4 loopback address; default 127.0.0.1. */
  readonly address?: string;
  /** Not 53; 0: any free one. */
  readonly port: number;
  /** Whether a host (lower case) is the mesh's. */
  readonly isMeshName: (host: string) => boolean;
  /** Address of the outbound listener, which names of the mesh resolve to. Default 127.0.0.1. */
  readonly meshAddress?: string;
  /** Default: those of `/etc/resolv.conf`. */
  readonly resolvers?: () => Promise<readonly ResolverAddress[]>;
  /** For each of them. Default 2 s. */
  readonly timeoutMs?: number;
  readonly clock?: Clock;
}

export interface Resolver {
  /** Of UDP and TCP. */
  readonly port: number;
  close(): Promise<void>;
}

const defaultTimeoutMs = 2_000;
const connections = 64;
const tcpIdleMs = 10_000;
/** Bytes of replies that a client may leave unread. */
const mostUnread = 256 * 1024;
/** A free TCP port need not be free for UDP. */
const tries = 5;

/** Starts it. Rejects with `UserError` for port 53 and addresses that are not loopback, and when the port is not to be had. */
export async function startResolver(options: ResolverOptions): Promise<Resolver> {
  const { address = "127.0.0.1", port } = options;
  if (port === 53) throw fault("port", "53", "the resolver never takes the port of the machine's own; choose one above 1023");
  if (!isIPv4(address) || !isLoopbackName(address))
    throw fault("address", address, "must be an IPv4 loopback address, such as '127.0.0.1'");
  const { meshAddress = "127.0.0.1" } = options;
  if (!isIPv4(meshAddress)) throw fault("meshAddress", meshAddress, "must be an IPv4 address");
  let self: ResolverAddress = { address, port };
  const forwarder = new Forwarder({
    isMeshName: options.isMeshName,
    address: meshAddress,
    resolvers: options.resolvers ?? systemResolvers(options.clock ?? systemClock),
    timeoutMs: options.timeoutMs ?? defaultTimeoutMs,
    self: () => self,
  });
  const { tcp, udp, bound } = await bindBoth({ address, port }, port === 0 ? tries : 1);
  self = { address, port: bound };
  const sockets = new Set<Socket>();
  serveUdp(udp, forwarder);
  serveTcp(tcp, forwarder, sockets);
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    await Promise.all([new Promise<void>((resolve) => udp.close(() => resolve())), closed(tcp)]);
  };
  return { port: bound, close };
}

function fault(field: string, value: string, why: string): UserError {
  return new UserError({ code: "invalid", field, message: `Invalid value '${value}': ${why}.` });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

async function bindBoth(wanted: ResolverAddress, left: number): Promise<{ tcp: Server; udp: UdpSocket; bound: number }> {
  const tcp = createServer();
  await new Promise<void>((resolve, reject) => {
    tcp.once("error", reject);
    tcp.listen({ host: wanted.address, port: wanted.port, exclusive: true }, resolve);
  });
  const { port } = tcp.address() as AddressInfo;
  const udp = createSocket("udp4");
  try {
    await new Promise<void>((resolve, reject) => {
      udp.once("error", reject);
      udp.bind({ address: wanted.address, port, exclusive: true }, resolve);
    });
    return { tcp, udp, bound: port };
  } catch (thrown) {
    udp.close();
    await closed(tcp);
    if (left > 1) return bindBoth(wanted, left - 1);
    throw thrown;
  }
}

function serveUdp(socket: UdpSocket, forwarder: Forwarder): void {
  let isClosed = false;
  socket.on("close", () => (isClosed = true));
  // Of a client that has gone before its reply came.
  socket.on("error", () => undefined);
  socket.on("message", (query, { address, port }) => {
    void forwarder.reply(query, "udp").then((reply) => reply && !isClosed && socket.send(reply, port, address, () => undefined));
  });
}

function serveTcp(server: Server, forwarder: Forwarder, sockets: Set<Socket>): void {
  server.maxConnections = connections;
  server.on("error", () => undefined);
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => undefined);
    socket.setTimeout(tcpIdleMs, () => socket.destroy());
    const reader = new FrameReader();
    socket.on("data", (chunk) => {
      for (const query of reader.read(chunk)) {
        void forwarder.reply(query, "tcp").then((reply) => {
          if (!reply || socket.writableLength > mostUnread) socket.destroy();
          else if (socket.writable) socket.write(framed(reply));
        });
      }
    });
  });
}
