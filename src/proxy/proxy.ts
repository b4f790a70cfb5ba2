import { messageOf } from "#base/errors.ts";
import { randomHex } from "#base/random.ts";
import { SpanExporter } from "#telemetry/exporter.ts";
import { answer } from "./answer.ts";
import { ClusterStates } from "./balance/clusters.ts";
import { ConfigKeeper } from "./config/keeper.ts";
import type { ProxyDependencies } from "./dependencies.ts";
import { RequestRecorder } from "./recorder.ts";
import { viewOf } from "./request-view.ts";
import { type Served, serve } from "./serve.ts";
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
  const { host, clock, random, options } = dependencies;
  const { project, service, refreshMs } = options;
  const resource = { "service.name": service, "service.namespace": project, "service.instance.id": randomHex(random, 8) };
  const exporter = new SpanExporter({ clock, resource, send: (body) => host.exportSpans(body) });
  const keeper = new ConfigKeeper({ service, host, clock, random, refreshMs, droppedSpans: () => exporter.dropped });
  const clusters = new ClusterStates(random);
  const recorderOptions = { clock, random, service, ...(options.exportsSpans && { exporter }) };

  async function handle(request: Request, waiter: Waiter): Promise<Response> {
    if (keeper.current && keeper.isDue) waiter.waitUntil(keeper.refresh());
    const config = keeper.current ?? (await keeper.first((work) => waiter.waitUntil(work)));
    const view = viewOf(request);
    const recorder = new RequestRecorder(recorderOptions, view, config?.compiled.snapshot.tracing.samplingRatio ?? 0);
    const served = await serve({ request, view, config, clusters, recorder }, dependencies).catch((thrown: unknown) =>
      failed(recorder, thrown),
    );
    finish(served, recorder, waiter);
    return served.response;
  }

  function failed(recorder: RequestRecorder, thrown: unknown): Served {
    const id = recorder.trace.traceId;
    dependencies.log(`proxy of ${service}: internal error ${id}: ${messageOf(thrown)}`);
    recorder.findings.reason = "internal_error";
    return { response: answer({ reason: "internal_error", text: `the proxy of ${service} failed`, id }), end: "complete" };
  }

  function finish({ response, end }: Served, recorder: RequestRecorder, waiter: Waiter): void {
    const { status } = response;
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

  async function tick(): Promise<void> {
    await Promise.all([keeper.refresh(), exporter.flush()]);
  }

  return {
    handle,
    tick,
    get waits() {
      return keeper.waits;
    },
  };
}
