/** An agent's tunnel: one connection out to the mesh, made again whenever it is lost, over which this machine's application is asked. */
import { Agent } from "node:http";
import { messageOf } from "#base/errors.ts";
import { type Random, systemRandom } from "#base/random.ts";
import { ownCloseCodes } from "#tunnel/fault.ts";
import { mostStreams } from "#tunnel/mux.ts";
import { reconnectDelayMs } from "./backoff.ts";
import { Connection } from "./connection.ts";
import type { Application } from "./serve-stream.ts";

export interface TunnelOptions {
  /** `ws:` or `wss:` URL of the instance's tunnel: `…/wayside/v1/projects/p/tunnels/ZONE/GROUP/INSTANCE`. */
  readonly url: string;
  /** Asked before each connection. */
  readonly bearer: () => string | Promise<string>;
  readonly application: Application;
  readonly onState?: (state: TunnelState) => void;
  readonly random?: Random;
}

export type TunnelState =
  | { readonly state: "connected" }
  /** `why` for people; the next attempt is `retryInMs` from now. */
  | { readonly state: "lost"; readonly why: string; readonly retryInMs: number }
  /** Another agent serves this instance now; this one does not come back. */
  | { readonly state: "replaced" }
  | { readonly state: "closed" };

export interface Tunnel {
  /** Takes no more requests, finishes those that there are, for at most `graceMs` (10 s), and closes. */
  close(graceMs?: number): Promise<void>;
}

const defaultGraceMs = 10_000;
/** A connection that stood this long was none that fails at once. */
const steadyMs = 10_000;
const refusalTimeoutMs = 5000;

/** Returns at once; `onState` tells of connections. Never throws, and never gives up. */
export function startTunnel(options: TunnelOptions): Tunnel {
  const connector = new Connector(options);
  void connector.connect();
  return { close: (graceMs = defaultGraceMs) => connector.close(graceMs) };
}

class Connector {
  readonly #options: TunnelOptions;
  readonly #random: Random;
  /** The application's connections are kept from one tunnel to the next. */
  readonly #agent = new Agent({ keepAlive: true, maxSockets: mostStreams, maxFreeSockets: 64 });
  #connection: Connection | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #isClosed = false;

  constructor(options: TunnelOptions) {
    this.#options = options;
    this.#random = options.random ?? systemRandom;
  }

  async connect(): Promise<void> {
    let bearer: string;
    try {
      bearer = await this.#options.bearer();
    } catch (thrown) {
      return this.#retry(`there is no session: ${messageOf(thrown)}`);
    }
    if (this.#isClosed) return;
    const { url, application } = this.#options;
    let openedAtMs: number | undefined;
    this.#connection = new Connection({
      url,
      bearer,
      application,
      agent: this.#agent,
      onOpen: () => {
        openedAtMs = performance.now();
        this.#options.onState?.({ state: "connected" });
      },
      onClose: (code, reason) => {
        if (openedAtMs !== undefined && performance.now() - openedAtMs > steadyMs) this.#failures = 0;
        void this.#lost({ code, reason, bearer, hasOpened: openedAtMs !== undefined });
      },
    });
  }

  async close(graceMs: number): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#connection?.close(graceMs);
    this.#agent.destroy();
    this.#options.onState?.({ state: "closed" });
  }

  async #lost({ code, reason, bearer, hasOpened }: Loss): Promise<void> {
    if (this.#isClosed) return;
    if (code === ownCloseCodes.replaced) {
      this.#isClosed = true;
      this.#agent.destroy();
      return this.#options.onState?.({ state: "replaced" });
    }
    const why = hasOpened ? reason || `the connection ended with ${code}` : await refusal(this.#options.url, bearer);
    this.#retry(why);
  }

  #retry(why: string): void {
    if (this.#isClosed) return;
    this.#failures += 1;
    const retryInMs = Math.round(reconnectDelayMs(this.#failures, this.#random));
    this.#options.onState?.({ state: "lost", why, retryInMs });
    this.#timer = setTimeout(() => void this.connect(), retryInMs);
  }
}

interface Loss {
  readonly code: number;
  readonly reason: string;
  readonly bearer: string;
  readonly hasOpened: boolean;
}

/** Why no connection came to be: WebSocket does not tell what the server answered, a plain request does. */
async function refusal(url: string, bearer: string): Promise<string> {
  try {
    const target = url.replace(/^ws/, "http");
    const response = await fetch(target, {
      headers: { authorization: `Bearer ${bearer}` },
      redirect: "manual",
      signal: AbortSignal.timeout(refusalTimeoutMs),
    });
    const text = (await response.text()).slice(0, 500);
    return response.status === 426 ? "the connection was lost before it stood" : `the mesh answered ${response.status}: ${text}`;
  } catch (thrown) {
    return `no connection: ${messageOf(thrown)}`;
  }
}
