/** The JavaScript heap of a proxy that holds a large configuration and has sent requests to all of its backend services. */
import { type Figure, measured, type Result, type Settings } from "../figure.ts";
import { attach } from "../runtime/inspector.ts";
import { ask } from "../runtime/load.ts";
import { upstreamPort } from "../runtime/upstream.ts";
import { startProxy } from "../runtime/workerd.ts";
import { type Shape, snapshotOf, spread, targetsOf, tenantHeader } from "../snapshots.ts";

const figure: Figure = {
  name: "heap of a proxy with 10,000 rules and 10,000 endpoints",
  key: "memory",
  bound: "at most",
  must: 40,
  aim: 16,
  unit: "MiB",
};

export const figures = [figure];

const shape: Shape = { rules: 10_000, endpoints: 10_000, kind: "mixed", port: upstreamPort, samplingRatio: 0.01 };
const headers = { [tenantHeader.name]: tenantHeader.value };

export async function measureMemory({ progress }: Settings): Promise<Result[]> {
  progress("memory");
  const server = await startProxy({ snapshot: snapshotOf(shape), inspector: true });
  const inspector = await attach(server, "proxy", () => ask(server, shape));
  for (const target of targetsOf(shape, spread(shape, 999))) {
    const response = await fetch(server.origin + target, { headers });
    if (!response.ok) throw new Error(`${target}: ${response.status} ${await response.text()}`);
    await response.arrayBuffer();
  }
  const mebibytes = (await inspector.heapBytes()) / 2 ** 20;
  inspector.close();
  await server.stop();
  return [measured(figure, [mebibytes], "used after a full collection, code included")];
}
