import { DurableObject } from "cloudflare:workers";
import { systemClock } from "#base/clock.ts";
import { systemRandom } from "#base/random.ts";
import type { PassThrough, Switch } from "#tunnel/exchange.ts";
import { Gateway } from "#tunnel/gateway.ts";
import { connectUrl, keepAlive, protocol } from "#tunnel/protocol.ts";

const passThrough: PassThrough = (length) => (length === undefined ? new IdentityTransformStream() : new FixedLengthStream(length));

const switchToWebSocket: Switch = (protocol) => {
  const { 0: caller, 1: own } = new WebSocketPair();
  const headers = protocol === undefined ? {} : { "sec-websocket-protocol": protocol };
  return {
    response: new Response(null, { status: 101, webSocket: caller, headers }),
    socket: {
      send: (message) => own.send(message),
      close: (code, reason) => own.close(code, reason),
      listen: ({ message, close }) => {
        own.binaryType = "arraybuffer";
        own.addEventListener("message", ({ data }) => message(data as string | ArrayBuffer));
        own.addEventListener("close", ({ code, reason }) => close(code, reason));
        own.addEventListener("error", () => close(1006, ""));
        own.accept();
      },
    },
  };
};

/**
 * The tunnel of one instance, named `project/groupKey/instance`. It stores nothing: the platform keeps the agent's WebSocket while the object
 * sleeps, and answers its pings. It cannot sleep while a request is under way, so that none is ever forgotten. Who may connect as this
 * instance is the control Worker's to say, before anything comes here.
 */
export class TunnelObject extends DurableObject {
  readonly #gateway = new Gateway({ clock: systemClock, random: systemRandom, passThrough, switchToWebSocket });

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(keepAlive.ping, keepAlive.pong));
    const sockets = ctx.getWebSockets().toSorted((a, b) => connectedAtMs(a) - connectedAtMs(b));
    for (const socket of sockets) this.#join(socket);
  }

  /** From proxies and probes: a request for the application, whose port is the URL's. From the control Worker: an agent's WebSocket. */
  override async fetch(request: Request): Promise<Response> {
    return request.url === connectUrl ? this.#accept() : this.#gateway.fetch(request);
  }

  override async webSocketMessage(socket: WebSocket, message: ArrayBuffer | string): Promise<void> {
    this.#gateway.received(socket, message);
  }

  override async webSocketClose(socket: WebSocket): Promise<void> {
    this.#gateway.closed(socket);
  }

  override async webSocketError(socket: WebSocket): Promise<void> {
    this.#gateway.closed(socket);
  }

  #accept(): Response {
    const { 0: agent, 1: own } = new WebSocketPair();
    this.ctx.acceptWebSocket(own);
    own.serializeAttachment(systemClock.now());
    this.#join(own);
    return new Response(null, { status: 101, webSocket: agent, headers: { "sec-websocket-protocol": protocol } });
  }

  #join(socket: WebSocket): void {
    this.#gateway.connected(socket, () =>
      Math.max(connectedAtMs(socket), this.ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? 0),
    );
  }
}

/** Milliseconds since the epoch. */
function connectedAtMs(socket: WebSocket): number {
  return Number(socket.deserializeAttachment() ?? 0);
}
