import { describe, expect, it } from "vitest";
import { UserError } from "#base/errors.ts";
import type { JsonObject } from "#base/json.ts";
import { readMetrics } from "#control/metrics/feed.ts";
import { SqlStore } from "#control/store/sql-store.ts";
import type { InstanceReport } from "#instances/group/spec.ts";
import { nodeDatabase } from "../project/node-database.ts";

const now = Date.parse("2026-12-01T12:00:00Z");
const zone = "zones/us-central1-a";

const store = new SqlStore(nodeDatabase());
for (const [scope, name] of [
  [zone, "web"],
  ["zones/us-central1-b", "twin"],
  ["zones/us-central1-c", "twin"],
  ["regions/us-east1", "wide"],
] as const) {
  const key = `${scope}/instanceGroupManagers/${name}`;
  const stored = { key, collection: "instanceGroupManagers", name, resource: {}, id: "1", createdAtMs: 0, updatedAtMs: 0, revision: 1 };
  store.put(stored, []);
  const instance: InstanceReport = {
    name: `${name}-1`,
    id: `77${name.length}`,
    address: "127.10.0.1",
    status: "RUNNING",
    action: "NONE",
    health: {},
    createdAtMs: 0,
  };
  store.putGroupReport({ key: `${scope}/instanceGroups/${name}`, specVersion: 1, sequence: 1, isStable: true, instances: [instance] });
}

const series = (changes: JsonObject = {}): JsonObject => ({
  metric: { type: "custom.googleapis.com/jobs", labels: { queue: "a" } },
  resource: { type: "instance_group", labels: { instance_group_name: "web", location: "us-central1-a" } },
  points: [{ interval: { endTime: "2026-12-01T12:00:00Z" }, value: { doubleValue: 2.5 } }],
  ...changes,
});
const read = (...all: readonly JsonObject[]) => readMetrics({ timeSeries: [...all] }, store, now);
const resource = (type: string, labels: JsonObject): JsonObject => series({ resource: { type, labels } });
const point = (interval: JsonObject, value: JsonObject = { doubleValue: 1 }): JsonObject => ({ points: [{ interval, value }] });

describe("points", () => {
  it("are read whole", () => {
    expect(read(series())).toEqual([
      {
        key: `${zone}/instanceGroups/web`,
        points: [
          {
            metric: "custom.googleapis.com/jobs",
            metricLabels: { queue: "a" },
            kind: "GAUGE",
            resourceType: "instance_group",
            resourceLabels: { instance_group_name: "web", location: "us-central1-a" },
            endMs: now,
            value: 2.5,
          },
        ],
      },
    ]);
  });

  it.each<[string, JsonObject, object]>([
    ["an integer as text", series(point({ endTime: "2026-12-01T12:00:00Z" }, { int64Value: "7" })), { value: 7 }],
    ["a flag", series(point({ endTime: "2026-12-01T12:00:00Z" }, { boolValue: true })), { value: 1 }],
    [
      "a count since",
      series({ metricKind: "CUMULATIVE", ...point({ startTime: "2026-12-01T11:59:00Z", endTime: "2026-12-01T12:00:00Z" }) }),
      { kind: "CUMULATIVE", startMs: now - 60_000 },
    ],
  ])("%s", (_, given, expected) => {
    expect(read(given)[0]?.points[0]).toMatchObject(expected);
  });

  it.each<[string, JsonObject, string, string | undefined]>([
    ["an instance by its id", resource("gce_instance", { instance_id: "773", zone: "us-central1-a" }), `${zone}/instanceGroups/web`, "773"],
    ["by its name", resource("gce_instance", { instance_id: "web-1" }), `${zone}/instanceGroups/web`, "773"],
    [
      "of a regional group",
      resource("gce_instance", { instance_id: "wide-1", zone: "us-east1-a" }),
      "regions/us-east1/instanceGroups/wide",
      "774",
    ],
    [
      "one of two of a name",
      resource("gce_instance", { instance_id: "twin-1", zone: "us-central1-c" }),
      "zones/us-central1-c/instanceGroups/twin",
      "774",
    ],
    [
      "a group in its region",
      resource("instance_group", { instance_group_name: "wide", location: "us-east1" }),
      "regions/us-east1/instanceGroups/wide",
      undefined,
    ],
  ])("find %s", (_, given, key, instanceId) => {
    const [group] = read(given);
    expect([group?.key, group?.points[0]?.instanceId]).toEqual([key, instanceId]);
  });
});

describe("refused", () => {
  it.each<[JsonObject, string, string]>([
    [{}, "timeSeries", "Required field 'timeSeries' not specified"],
    [{ timeSeries: "x" }, "request.timeSeries[0]", "Invalid value at 'request.timeSeries[0]' (TimeSeries), \"x\""],
    [{ timeSeries: [series({ more: 1 })] }, "request.timeSeries[0].more", 'Unknown name "more"'],
    [{ timeSeries: [series({ metric: {} })] }, "timeSeries[0].metric.type", "Required field"],
    [{ timeSeries: [series({ metric: { type: "no blanks" } })] }, "timeSeries[0].metric.type", "Must be a metric type"],
    [{ timeSeries: [series({ points: [] })] }, "timeSeries[0].points", "Must have exactly one point."],
    [{ timeSeries: [series(point({}))] }, "timeSeries[0].points[0].interval.endTime", "Required field"],
    [{ timeSeries: [series(point({ endTime: "noon" }))] }, "request.timeSeries[0].points[0].interval.endTime", "Invalid value"],
    [{ timeSeries: [series(point({ endTime: "2026-12-01T12:05:01Z" }))] }, "timeSeries[0].points[0].interval.endTime", "five minutes"],
    [{ timeSeries: [series({ metricKind: "DELTA" })] }, "timeSeries[0].points[0].interval.startTime", "Required field"],
    [
      { timeSeries: [series({ metricKind: "DELTA", ...point({ startTime: "2026-12-01T12:00:00Z", endTime: "2026-12-01T12:00:00Z" }) })] },
      "timeSeries[0].points[0].interval.startTime",
      "Must be before endTime.",
    ],
    [{ timeSeries: [series(point({ endTime: "2026-12-01T12:00:00Z" }, {}))] }, "timeSeries[0].points[0].value", "exactly one of"],
    [
      { timeSeries: [series(point({ endTime: "2026-12-01T12:00:00Z" }, { doubleValue: "many" }))] },
      "request.timeSeries[0].points[0].value.doubleValue",
      "Invalid value",
    ],
    [{ timeSeries: [resource("gce_disk", {})] }, "timeSeries[0].resource.type", "Must be one of gce_instance, instance_group."],
    [
      { timeSeries: [resource("gce_instance", { instance_id: "none" })] },
      "timeSeries[0].resource.labels.instance_id",
      "There is no such instance",
    ],
    [
      { timeSeries: [resource("gce_instance", { instance_id: "web-1", zone: "us-east1-b" })] },
      "timeSeries[0].resource.labels.instance_id",
      "There is no such instance",
    ],
    [
      { timeSeries: [resource("instance_group", { instance_group_name: "twin" })] },
      "timeSeries[0].resource.labels.instance_group_name",
      "It must name one managed instance group",
    ],
    [{ timeSeries: Array.from({ length: 201 }, () => series()) }, "timeSeries", "Must have at most 200 items."],
  ])("%j", (body, field, message) => {
    let thrown: unknown;
    try {
      readMetrics(body, store, now);
    } catch (failure) {
      thrown = failure;
    }
    expect(thrown).toBeInstanceOf(UserError);
    const [fault] = (thrown as UserError).faults;
    expect(fault?.field).toBe(field);
    expect(fault?.message).toContain(message);
  });
});
