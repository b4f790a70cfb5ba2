import { messageOf } from "#base/errors.ts";
import { randomHex } from "#base/random.ts";
import { keptOf } from "#proxy/filters/refused-request.ts";
import type { RequestView } from "#proxy/match/request.ts";
import { SpanExporter } from "#telemetry/exporter.ts";
import { ClusterStates } from "./balance/clusters.ts";
import { type Config, ConfigKeeper } from "./config/keeper.ts";
import { Refusals } from "./config/refusals.ts";
import type { ProxyDependencies } from "./dependencies.ts";
import { countedAlone, RateLimiter } from "./rate-limiter.ts";
import { type RecorderOptions, RequestRecorder } from "./recorder.ts";
import { viewOf } from "./request-view.ts";
import { serve } from "./serve.ts";
import { refuse, type Served } from "./serving.ts";
import type { Waiter } from "./waiter.ts";

/** The proxy of one service: configuration, balancing state and spans, kept from one request to the next. */

export interface ServiceProxy {
  /** Answers one request. Never throws. */
  handle(request: Request, waiter: Waiter): Promise<Response>;
  /** The background work, once: refresh, report, spans. For a timer of the host; never throws. */
  tick(): Promise<void>;
  /** Requests that had to wait for a call to the host: those before the first configuration. */
  readonly waits: number;
}

/** Makes the proxy. Nothing is loaded before the first request or tick. */
export function createProxy(dependencies: ProxyDependencies): ServiceProxy {
  return new Core(dependencies);
}

class Core implements ServiceProxy {
  readonly #dependencies: ProxyDependencies;
  readonly #exporter: SpanExporter;
  readonly #clusters: ClusterStates;
  readonly #limiter: RateLimiter;
  readonly #refusals = new Refusals();
  readonly #keeper: ConfigKeeper;
  readonly #recorderOptions: RecorderOptions;

  constructor(dependencies: ProxyDependencies) {
    this.#dependencies = dependencies;
    const { host, clock, random, countTogether, options } = dependencies;
    const { project, service, refreshMs } = options;
    const proxy = randomHex(random, 8);
    const resource = { "service.name": service, "service.namespace": project, "service.instance.id": proxy };
    const exporter = new SpanExporter({ clock, resource, send: (body) => host.exportSpans(body) });
    const clusters = new ClusterStates(random, clock);
    this.#exporter = exporter;
    this.#clusters = clusters;
    this.#limiter = new RateLimiter(clock, countTogether);
    this.#keeper = new ConfigKeeper({
      service,
      proxy,
      host,
      clock,
      random,
      refreshMs,
      droppedSpans: () => exporter.dropped,
      backends: () => clusters.observations(),
      refusals: this.#refusals,
      warningsOf: (compiled) => (countTogether ? [] : countedAlone(compiled)),
    });
    this.#recorderOptions = { clock, random, service, ...(options.exportsSpans && { exporter }) };
  }

  get waits(): number {
    return this.#keeper.waits;
  }

  async handle(request: Request, waiter: Waiter): Promise<Response> {
    const keeper = this.#keeper;
    if (keeper.current && keeper.isDue) waiter.waitUntil(keeper.refresh());
    const config = keeper.current ?? (await keeper.first((work) => waiter.waitUntil(work)));
    const view = viewOf(request);
    const recorder = new RequestRecorder(this.#recorderOptions, view, config?.compiled.snapshot.tracing.samplingRatio ?? 0);
    const background = (work: Promise<unknown>): void => waiter.waitUntil(work);
    const serving = { request, view, config, clusters: this.#clusters, limiter: this.#limiter, recorder, background };
    const served = await serve(serving, this.#dependencies).catch((thrown: unknown) => this.#failed(recorder, thrown));
    if (recorder.findings.reason !== undefined) this.#keep(view, config, recorder);
    this.#finish(served, recorder, waiter);
    return served.response;
  }

  async tick(): Promise<void> {
    await Promise.all([this.#keeper.refresh(), this.#exporter.flush()]);
  }

  /** What the mesh answered itself can be explained by the id in the answer. */
  #keep(view: RequestView, config: Config | undefined, { findings, trace }: RequestRecorder): void {
    const { reason = "", text = "" } = findings;
    const when = { atMs: this.#dependencies.clock.now(), generation: config?.generation ?? 0 };
    this.#refusals.add({ id: trace.traceId, ...when, reason, text, ...keptOf(view, config?.compiled) });
  }

  #failed(recorder: RequestRecorder, thrown: unknown): Served {
    const { log, options } = this.#dependencies;
    log(`proxy of ${options.service}: internal error ${recorder.trace.traceId}: ${messageOf(thrown)}`);
    return refuse({ recorder }, "internal_error", `the proxy of ${options.service} failed`);
  }

  #finish({ response, end }: Served, recorder: RequestRecorder, waiter: Waiter): void {
    const { status } = response;
    const exporter = this.#exporter;
    if (typeof end === "string") {
      recorder.end(status, end === "broken");
      const sending = exporter.schedule();
      if (sending) waiter.waitUntil(sending);
      return;
    }
    waiter.waitUntil(
      end.then((ended) => {
        recorder.end(status, ended === "broken");
        return exporter.schedule();
      }),
    );
  }
}
