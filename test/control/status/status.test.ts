import { describe, expect, it } from "vitest";
import type { Endpoint } from "#ir/cluster.ts";
import type { Snapshot } from "#ir/snapshot.ts";
import { isReleased, type User } from "#control/status/released.ts";
import type { ReceivedReport } from "#control/status/reports.ts";
import { proxyStatus } from "#control/status/status.ts";

const now = 10_000_000;
const wanted = { service: "cart", generation: 7, digest: "d7" };

function report(fields: Partial<ReceivedReport> = {}): ReceivedReport {
  return {
    service: "cart",
    generation: 7,
    digest: "d7",
    confirmedAtMs: now - 1_000,
    droppedSpans: 0,
    proxy: "",
    receivedAtMs: now - 1_000,
    ...fields,
  };
}

describe("proxyStatus", () => {
  const applied = { appliedGeneration: 7, appliedDigest: "d7", ageSeconds: 1, droppedSpans: 0 };
  it.each<[string, ReceivedReport | undefined, object]>([
    ["no report", undefined, { state: "NEVER" }],
    ["nothing applied yet", report({ generation: 0, digest: "" }), { state: "NEVER", droppedSpans: 0 }],
    ["the wanted generation, confirmed lately", report(), { state: "SYNCED", ...applied }],
    [
      "an older generation",
      report({ generation: 6, digest: "d6" }),
      { state: "STALE", ...applied, appliedGeneration: 6, appliedDigest: "d6" },
    ],
    ["one that made requests wait", report({ waitedRequests: 2 }), { state: "SYNCED", ...applied, waitedRequests: 2 }],
    ["sources silent for half a minute", report({ confirmedAtMs: now - 30_000 }), { state: "SYNCED", ...applied, ageSeconds: 30 }],
    ["sources silent for longer", report({ confirmedAtMs: now - 30_100 }), { state: "STALE", ...applied, ageSeconds: 30.1 }],
    ["a clock that runs ahead", report({ confirmedAtMs: now + 500 }), { state: "SYNCED", ...applied, ageSeconds: 0 }],
    [
      "the wanted generation refused",
      report({ generation: 6, digest: "d6", rejection: { generation: 7, reason: "regex" } }),
      { state: "REJECTED", ...applied, appliedGeneration: 6, appliedDigest: "d6", lastRejection: { generation: 7, reason: "regex" } },
    ],
    [
      "the very first one refused",
      report({ generation: 0, digest: "", rejection: { generation: 7, reason: "regex" } }),
      { state: "REJECTED", droppedSpans: 0, lastRejection: { generation: 7, reason: "regex" } },
    ],
    [
      "an older one refused, the wanted one on its way",
      report({ generation: 5, digest: "d5", rejection: { generation: 6, reason: "regex" } }),
      { state: "STALE", ...applied, appliedGeneration: 5, appliedDigest: "d5", lastRejection: { generation: 6, reason: "regex" } },
    ],
  ])("%s", (_name, received, row) => {
    expect(proxyStatus(wanted, received, now)).toEqual({ service: "cart", wantedGeneration: 7, wantedDigest: "d7", ...row });
  });
});

describe("isReleased", () => {
  const key = "zones/z/instanceGroups/web";

  function user(instances: readonly string[], received: ReceivedReport | undefined, group = key): User {
    const endpoints: Endpoint[] = instances.map((instance) => ({ instance, address: "10.0.0.1", port: 80, zone: "z", health: "HEALTHY" }));
    const nothing = { remove: [], set: [], add: [] };
    const snapshot: Snapshot = {
      schemaVersion: 1,
      project: "demo",
      service: "cart",
      tracing: { samplingRatio: 1 },
      virtualHosts: [],
      clusters: {
        cart: {
          name: "cart",
          scheme: "http",
          transport: "vpc-network",
          groups: [{ group, capacityScaler: 1, endpoints }],
          requestHeaders: nothing,
          responseHeaders: nothing,
        },
      },
      secrets: [],
    };
    return { generation: 7, snapshot: () => snapshot, reports: received ? [received] : [] };
  }

  it.each<[string, User[], boolean]>([
    ["nobody uses the group", [], true],
    ["the proxy has applied a configuration without it", [user(["b"], report())], true],
    ["the configuration still has it", [user(["a", "b"], report())], false],
    ["the proxy is a generation behind", [user(["b"], report({ generation: 6 }))], false],
    ["the proxy has not reported for a minute", [user(["a"], report({ receivedAtMs: now - 60_001 }))], true],
    ["no proxy ever reported", [user(["a"], undefined)], true],
    [
      "another proxy of the service is a generation behind",
      [{ ...user(["b"], report()), reports: [report(), report({ proxy: "p2", generation: 6 })] }],
      false,
    ],
    [
      "another proxy was a generation behind when it went",
      [{ ...user(["b"], report()), reports: [report(), report({ proxy: "p2", generation: 6, receivedAtMs: now - 60_001 })] }],
      true,
    ],
    ["an instance of the same name in another group", [user(["a"], report(), "zones/z/instanceGroups/other")], true],
    ["one of two services still has it", [user(["b"], report()), user(["a"], report())], false],
  ])("%s", (_name, users, released) => {
    expect(isReleased(users, { key, instances: ["a"] }, now)).toBe(released);
  });
});
