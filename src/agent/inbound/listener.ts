import { Agent } from "node:http";
import { type Clock, systemClock } from "#base/clock.ts";
import { signatureHeader } from "#base/request-signature.ts";
import { type Random, systemRandom } from "#base/random.ts";
import type { AttributeValue, Span } from "#telemetry/span.ts";
import { parseAuthority } from "../http/authority.ts";
import { endToEnd, type Field, valuesOf } from "../http/fields.ts";
import { BodyIdleError, forward } from "../http/forward.ts";
import { type Traced, traceRequest } from "../http/listener-trace.ts";
import { asksUpgrade, hasBody, pathRefusal, type Refusal, type RequestHead } from "../http/request-head.ts";
import {
  type Arrival,
  type Closing,
  type Counts,
  type ListeningSocket,
  type ListenOn,
  type ServerLimits,
  StrictServer,
} from "../http/strict-server.ts";
import { type Verdict, Verifier } from "./verifier.ts";

/** The listener in front of a VM's application: takes what proxies of the mesh have signed, and hands it on with the Host that it is meant for. */

export interface InboundOptions {
  readonly listen: ListenOn;
  readonly app: { readonly host: string; readonly port: number };
  /** Texts of the group's key, as in the secret: the current one, and the one before while the key changes. At least 16 bytes each. */
  readonly keys: readonly string[];
  /** Target (path and query) of the health check; GET of it passes unsigned when it is a prober's. Absent: nothing passes unsigned. */
  readonly healthPath?: string;
  /** Attributes of each span, besides those of HTTP. */
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
  /** Given the SERVER span of each request whose trace is recorded. */
  readonly onSpan?: (span: Span) => void;
  readonly limits?: Partial<ServerLimits>;
  /** Those of the process before, which go on. */
  readonly counts?: Counts;
  readonly clock?: Clock;
  readonly random?: Random;
}

export interface InboundListener {
  readonly port: number;
  /** Requests by what came of them: `passed`, `health`, `app_failed`, or the reason of a refusal. */
  counts(): Counts;
  /** The keys that count from now on. Throws `UserError` for those that are none, and keeps the old ones. */
  setKeys(keys: readonly string[]): void;
  /** What another process is given to go on from. */
  readonly socket: ListeningSocket | undefined;
  close(closing?: Closing): Promise<void>;
}

/** An application on this machine answers at once, or is not there. */
const connectTimeoutMs = 2_000;
/** Most servers keep a connection for 5 s; the one who closes first cannot be surprised. */
const keptMs = 4_000;
const proberAgent = "Wayside-HC/1.0";

/** Starts it. Rejects when the address is not to be had, and with `UserError` for keys that are none. */
export async function startInbound(options: InboundOptions): Promise<InboundListener> {
  const inbound = new Inbound(options);
  const port = await inbound.server.listen(options.listen);
  return {
    port,
    socket: inbound.server.socket,
    counts: () => inbound.server.counts(),
    setKeys: (keys) => inbound.verifier.setKeys(keys),
    close: async (closing) => {
      await inbound.server.close(closing);
      inbound.agent.destroy();
    },
  };
}

class Inbound {
  readonly #options: InboundOptions;
  readonly verifier: Verifier;
  readonly server: StrictServer;
  readonly agent = new Agent({ keepAlive: true, timeout: keptMs });

  constructor(options: InboundOptions) {
    this.#options = options;
    this.verifier = new Verifier(options.keys, options.clock ?? systemClock);
    this.server = new StrictServer({ limits: options.limits ?? {}, counts: options.counts, serve: (arrival) => this.#serve(arrival) });
  }

  #serve(arrival: Arrival): void {
    const { head } = arrival;
    const refusal = pathRefusal(head) ?? this.#refusalOf(head);
    if (refusal) return arrival.refuse(refusal);
    this.server.count(isSigned(head) ? "passed" : "health");
    const traced = traceRequest(head, {
      kind: "server",
      attributes: this.#options.attributes ?? {},
      // A proxy has decided already; of health checks nobody wants traces.
      samplingRatio: 0,
      onSpan: this.#options.onSpan,
      clock: this.#options.clock ?? systemClock,
      random: this.#options.random ?? systemRandom,
    });
    this.#pass(arrival, traced);
  }

  /** Undefined: the request is the mesh's. */
  #refusalOf(head: RequestHead): Refusal | undefined {
    if (!isSigned(head) && this.#isProbe(head)) return undefined;
    const authorities = valuesOf(head.fields, "x-forwarded-host");
    const authority = authorities.length === 1 ? (authorities[0] ?? "") : "";
    const request = { method: head.method, authority, target: head.target };
    const verdict = this.verifier.verify(request, valuesOf(head.fields, signatureHeader));
    if (verdict !== "new") return { status: 403, reason: verdict, text: why[verdict] };
    return parseAuthority(authority)
      ? undefined
      : { status: 400, reason: "host", text: "x-forwarded-host is not a host with an optional port" };
  }

  /** The control plane's probers have no key: exactly the health check's path is open to them, and to whoever says to be one of them. */
  #isProbe(head: RequestHead): boolean {
    const isMeant = head.method === "GET" && head.target === this.#options.healthPath && !hasBody(head) && !asksUpgrade(head);
    return isMeant && valuesOf(head.fields, "user-agent").join() === proberAgent;
  }

  #pass(arrival: Arrival, traced: Traced): void {
    const { app } = this.#options;
    const { head } = arrival;
    const restored = valuesOf(head.fields, "x-forwarded-host").at(-1);
    const host = restored !== undefined && parseAuthority(restored) ? restored : `${app.host}:${app.port}`;
    const kept = endToEnd(head.fields, ["host", "traceparent", "tracestate", signatureHeader]);
    const fields: Field[] = [["Host", host], ...kept, ...traced.fields];
    const upstream = { ...app, agent: this.agent, connectTimeoutMs };
    let failure: string | undefined;
    forward(
      arrival.exchange,
      { onward: { target: head.target, fields }, upstream },
      {
        failed: (error) => {
          failure = error instanceof BodyIdleError ? "request_timeout" : "app_failed";
          this.server.count(failure);
          if (error instanceof BodyIdleError) arrival.answer({ status: 408, reason: failure, text: error.message });
          // To the mesh it is what it would be without this listener: the proxy sees a lost connection, and may go to another instance.
          else arrival.cut();
        },
        over: (status, isWhole) => traced.end(status, failure ?? (isWhole ? undefined : "response_broken")),
      },
    );
  }
}

function isSigned({ fields }: RequestHead): boolean {
  return valuesOf(fields, signatureHeader).length > 0;
}

const onlyMesh = "this listener takes requests of the mesh only";

const why: Readonly<Record<Exclude<Verdict, "new">, string>> = {
  unsigned: `${onlyMesh}, and this one is not signed by a proxy`,
  malformed: `${onlyMesh}, and the signature of this one is of no known form`,
  forged: `${onlyMesh}, and the signature of this one was made with another key or for another request`,
  clock: "the clocks of this VM and of the mesh are more than 11 minutes apart",
  late: "the request was signed more than a minute before the newest one",
  replayed: "the request was here before",
};
