/** Where a proxy's time goes under load, function by function, as V8's sampling profiler in workerd sees it. */
import type { Settings } from "./figure.ts";
import { attach, type Share } from "./runtime/inspector.ts";
import { ask, saturate } from "./runtime/load.ts";
import { collector, upstreamPort } from "./runtime/upstream.ts";
import { startProxy } from "./runtime/workerd.ts";
import { type Shape, snapshotOf, spread, targetsOf } from "./snapshots.ts";

const shape: Shape = { rules: 100, endpoints: 10, kind: "mixed", port: upstreamPort, samplingRatio: 0.01 };
const connections = 16;
const warmUpSeconds = 2;

export async function profile({ seconds, progress }: Settings): Promise<readonly Share[]> {
  progress("profiling");
  const server = await startProxy({ snapshot: snapshotOf(shape), collector, inspector: true });
  const targets = targetsOf(shape, spread(shape, 99));
  const load = (duration: number) => saturate({ origin: server.origin, connections, seconds: duration, targets });
  const inspector = await attach(server, "proxy", () => ask(server, shape));
  await load(warmUpSeconds);
  const shares = await inspector.profile(() => load(seconds));
  inspector.close();
  await server.stop();
  return shares;
}
