import { lookup as lookUp } from "node:dns";
import { Agent } from "node:http";
import { Agent as TlsAgent } from "node:https";
import { connect, isIP, type LookupFunction } from "node:net";
import type { Duplex } from "node:stream";
import { type Clock, systemClock } from "#base/clock.ts";
import { UserError } from "#base/errors.ts";
import { isLoopbackName } from "#base/loopback.ts";
import { type Random, randomHex, systemRandom } from "#base/random.ts";
import type { AttributeValue, Span } from "#telemetry/span.ts";
import { endToEnd, type Field } from "../http/fields.ts";
import { BodyIdleError, forward, joinSockets, type Upstream } from "../http/forward.ts";
import { type Traced, traceRequest } from "../http/listener-trace.ts";
import type { Refusal } from "../http/request-head.ts";
import { type Arrival, type Closing, type Counts, type ListeningSocket, type ServerLimits, StrictServer } from "../http/strict-server.ts";
import { type Destination, destinationOf, isSelf, type Surroundings, tunnelEndOf } from "./destination.ts";

/** The listener that a VM's programs reach the mesh by: an HTTP proxy on loopback. What is no name of the mesh goes where it would go without it. */

export interface OutboundOptions {
  /** Loopback; it would be an open proxy on any other. Default 127.0.0.1. */
  readonly address?: string;
  /** Default 15001; 0: any free one. */
  readonly port?: number;
  /** The socket of the process before, in the place of address and port, which it must have. */
  readonly inherited?: ListeningSocket;
  /** Origin of the mesh entry, such as `http://127.0.0.1:8788`. */
  readonly mesh: string;
  /** Whether a host (lower case) is the mesh's; the port where the request names one. See `MeshNames`. */
  readonly isMeshName: (host: string, port?: number) => boolean;
  /** Attributes of each span, besides those of HTTP. */
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
  /** Given the CLIENT span of each request whose trace is recorded; absent: no trace begins here, and those of callers pass as they are. */
  readonly onSpan?: (span: Span) => void;
  /** Share of the traces that begin here which are recorded; the proxies go by it. Default 1. */
  readonly samplingRatio?: number;
  readonly limits?: Partial<ServerLimits>;
  /** Those of the process before, which go on. */
  readonly counts?: Counts;
  readonly clock?: Clock;
  readonly random?: Random;
}

export interface OutboundListener {
  readonly port: number;
  /** Requests by where they went, `mesh`, `direct`, `tunnel`, or the reason of a refusal. */
  counts(): Counts;
  /** What another process is given to go on from. */
  readonly socket: ListeningSocket | undefined;
  close(closing?: Closing): Promise<void>;
}

const defaultPort = 15_001;
/** A mesh entry that does not take a connection by then is not there. */
const meshConnectMs = 1_000;
const directConnectMs = 30_000;
/** Most servers keep a connection for 5 s; the one who closes first cannot be surprised. */
const keptMs = 4_000;

/** Starts it. Rejects with `UserError` for an address that is not loopback and a mesh that is no origin, and when the port is not to be had. */
export async function startOutbound(options: OutboundOptions): Promise<OutboundListener> {
  const { address = "127.0.0.1", port = defaultPort } = options;
  if (isIP(address) === 0 || !isLoopbackName(address)) {
    const message = `Invalid value '${address}': the outbound listener takes a loopback address only, such as '127.0.0.1': by any other anybody could go anywhere.`;
    throw new UserError({ code: "invalid", field: "address", message });
  }
  const outbound = new Outbound(options, originOf(options.mesh));
  return outbound.start(address, port);
}

function originOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && (url.protocol === "http:" || url.protocol === "https:") && url.pathname === "/" && url.username === "") return url;
  throw new UserError({
    code: "invalid",
    field: "mesh",
    message: `Invalid value '${text}': must be an origin, as in 'http://127.0.0.1:8788'.`,
  });
}

class Outbound {
  readonly #options: OutboundOptions;
  readonly #server: StrictServer;
  readonly #mesh: Upstream;
  readonly #direct = new Agent({ keepAlive: true, timeout: keptMs });
  readonly #random: Random;
  #around: Surroundings;

  constructor(options: OutboundOptions, mesh: URL) {
    this.#options = options;
    this.#random = options.random ?? systemRandom;
    this.#mesh = meshUpstream(mesh);
    const pseudonym = `agent-${randomHex(this.#random, 8)}`;
    this.#around = { isMeshName: options.isMeshName, self: { address: "127.0.0.1", port: 0 }, pseudonym };
    this.#server = new StrictServer({
      limits: options.limits ?? {},
      counts: options.counts,
      serve: (arrival) => this.#serve(arrival),
      tunnel: (arrival, socket, first) => this.#tunnel(arrival, socket, first),
    });
  }

  async start(address: string, wanted: number): Promise<OutboundListener> {
    const { inherited } = this.#options;
    const port = await this.#server.listen(inherited ? { socket: inherited } : { address, port: wanted });
    this.#around = { ...this.#around, self: { address, port } };
    return {
      port,
      socket: this.#server.socket,
      counts: () => this.#server.counts(),
      close: async (closing) => {
        await this.#server.close(closing);
        this.#mesh.agent.destroy();
        this.#direct.destroy();
      },
    };
  }

  #serve(arrival: Arrival): void {
    const destination = destinationOf(arrival.head, this.#around);
    if (destination.kind === "refused") return arrival.refuse(destination.refusal);
    const { attributes = {}, clock = systemClock, onSpan, samplingRatio = 1 } = this.#options;
    const own = { "server.address": destination.authority, ...attributes };
    const traced = traceRequest(arrival.head, { kind: "client", attributes: own, samplingRatio, onSpan, clock, random: this.#random });
    this.#server.count(destination.kind);
    this.#pass(arrival, destination, traced);
  }

  #pass(arrival: Arrival, destination: Exclude<Destination, { kind: "refused" }>, traced: Traced): void {
    const { onSpan } = this.#options;
    const kept = endToEnd(arrival.head.fields, onSpan ? ["host", "traceparent", "tracestate"] : ["host"]);
    const via: Field = ["Via", `1.1 ${this.#around.pseudonym}`];
    const fields: Field[] = [["Host", destination.authority], ...kept, via, ...(onSpan ? traced.fields : [])];
    const upstream = destination.kind === "mesh" ? this.#mesh : this.#directTo(destination);
    let failure: string | undefined;
    forward(
      arrival.exchange,
      { onward: { target: destination.target, fields }, upstream },
      {
        failed: (error) => {
          const refusal = refusalOf(error, destination);
          failure = refusal.reason;
          arrival.refuse(refusal, traced.id);
        },
        over: (status, isWhole) => traced.end(status, failure ?? (isWhole ? undefined : "response_broken")),
      },
    );
  }

  #tunnel(arrival: Arrival, socket: Duplex, first: Buffer): void {
    const end = tunnelEndOf(arrival.head, this.#around);
    if (end.kind === "refused") return arrival.refuse(end.refusal);
    if (first.length > 0) socket.unshift(first);
    if (end.kind === "mesh") {
      // What comes through it are requests like all others.
      arrival.exchange.outgoing.detachSocket(socket as Parameters<typeof arrival.exchange.outgoing.detachSocket>[0]);
      socket.write(established);
      return this.#server.take(socket);
    }
    this.#server.count("tunnel");
    this.#connectTunnel(arrival, socket, end);
  }

  #connectTunnel(arrival: Arrival, socket: Duplex, end: { readonly host: string; readonly port: number }): void {
    const there = connect({ ...end, lookup: this.#lookupFor(end.port) });
    const giveUp = setTimeout(() => there.destroy(new Error(`no connection within ${directConnectMs} ms`)), directConnectMs);
    socket.once("close", () => there.destroy());
    there.on("close", () => clearTimeout(giveUp));
    const failed = (error: Error): void => arrival.refuse(refusalOf(error, { kind: "direct" }));
    there.once("error", failed);
    there.once("connect", () => {
      clearTimeout(giveUp);
      there.off("error", failed);
      arrival.exchange.outgoing.detachSocket(socket as Parameters<typeof arrival.exchange.outgoing.detachSocket>[0]);
      socket.write(established);
      joinSockets(socket, there, () => undefined);
    });
  }

  #directTo({ host, port }: Extract<Destination, { kind: "direct" }>): Upstream {
    return { host, port, agent: this.#direct, lookup: this.#lookupFor(port), connectTimeoutMs: directConnectMs };
  }

  /** The system's, but that no name leads back here. */
  #lookupFor(port: number): LookupFunction {
    if (port !== this.#around.self.port) return lookUp as LookupFunction;
    return (host, options, callback) =>
      lookUp(host, { ...options, all: true }, (error, addresses) => {
        if (error) return callback(error, []);
        if (addresses.some(({ address }) => isSelf(address, port, this.#around.self))) return callback(new LoopError(), []);
        if (options.all) return callback(null, addresses);
        return callback(null, addresses[0]?.address ?? "", addresses[0]?.family);
      });
  }
}

class LoopError extends Error {
  readonly code = "ELOOP";
}

const established = "HTTP/1.1 200 Connection established\r\n\r\n";

function meshUpstream({ hostname, port, protocol }: URL): Upstream {
  const isTls = protocol === "https:";
  const kept = { keepAlive: true, timeout: keptMs };
  const agent = isTls ? new TlsAgent(kept) : new Agent(kept);
  const host = hostname.replace(/^\[|\]$/g, "");
  return { host, port: Number(port) || (isTls ? 443 : 80), isTls, agent, connectTimeoutMs: meshConnectMs };
}

function refusalOf(error: Error, { kind }: { readonly kind: "mesh" | "direct" }): Refusal {
  if (error instanceof BodyIdleError) return { status: 408, reason: "request_timeout", text: error.message };
  if (error instanceof LoopError) return { status: 508, reason: "loop_detected", text: "the name of the host leads back to this listener" };
  if (kind === "mesh") return { status: 503, reason: "mesh_unreachable", text: "the mesh entry gives no answer" };
  return { status: 502, reason: "upstream_connect_failure", text: "the host, which is not of the mesh, gives no answer" };
}
