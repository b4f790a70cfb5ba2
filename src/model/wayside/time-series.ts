/** Points of time series as Cloud Monitoring's `timeSeries:create` takes them: one point of each series in a call. */
import type { Fault } from "#base/errors.ts";
import { isJsonObject, type Json } from "#base/json.ts";
import { Report } from "../check/report.ts";
import { conform } from "../conform.ts";
import { flag, list, message, number, text, textMap, type Reading } from "../schema.ts";

const timeSeries = message({
  metric: message({ type: text, labels: textMap }),
  resource: message({ type: text, labels: textMap }),
  metricKind: text,
  points: list(
    message({
      interval: message({ startTime: text, endTime: text }),
      value: message({ doubleValue: number, int64Value: number, boolValue: flag }),
    }),
  ),
});

const request = message({ timeSeries: list(timeSeries) });

/** A series with its one point. */
export interface TimeSeriesPoint {
  /** Where it stands in the request: `timeSeries[0]`. */
  readonly field: string;
  readonly metric: string;
  readonly metricLabels: Readonly<Record<string, string>>;
  readonly kind: "GAUGE" | "DELTA" | "CUMULATIVE";
  readonly resourceType: string;
  readonly resourceLabels: Readonly<Record<string, string>>;
  readonly startMs?: number;
  readonly endMs: number;
  readonly value: number;
}

/** Google's limit for one call. */
const mostSeries = 200;
/** Cloud Monitoring refuses points from further in the future. */
const furthestAheadMs = 300_000;

/** Reads the body of a call; `now` in milliseconds since the epoch. With faults no point counts. */
export function timeSeriesOf(
  body: Json | undefined,
  now: number,
): { readonly points: readonly TimeSeriesPoint[]; readonly faults: readonly Fault[] } {
  const { value, faults } = conform("CreateTimeSeriesRequest", isJsonObject(body) ? body : {}, "request");
  if (faults.length > 0) return { points: [], faults };
  const report = new Report();
  const series = (request.safeParse(value).data ?? {}) as Reading<typeof request>;
  if ((series.timeSeries ?? []).length === 0) report.required("timeSeries");
  report.atMost("timeSeries", series.timeSeries, mostSeries);
  const points = (series.timeSeries ?? []).flatMap((one, index) => pointOf(report, one, { field: `timeSeries[${index}]`, now }) ?? []);
  return { points, faults: report.faults };
}

const metricType = /^[A-Za-z0-9./_:-]{1,200}$/;

function pointOf(
  report: Report,
  { metric = {}, resource = {}, metricKind = "GAUGE", points = [] }: Reading<typeof timeSeries>,
  { field, now }: { readonly field: string; readonly now: number },
): TimeSeriesPoint | undefined {
  const { type } = metric;
  if (type === undefined || type === "") report.required(`${field}.metric.type`);
  else if (!metricType.test(type))
    report.invalid(`${field}.metric.type`, type, "Must be a metric type such as 'custom.googleapis.com/queue_depth'.");
  if (resource.type === undefined) report.required(`${field}.resource.type`);
  const [point] = points;
  if (!point || points.length > 1) report.invalid(`${field}.points`, `${points.length} points`, "Must have exactly one point.");
  const kind = metricKind === "DELTA" || metricKind === "CUMULATIVE" ? metricKind : "GAUGE";
  const interval = intervalOf(report, `${field}.points[0].interval`, { ...point?.interval, kind, now });
  const number = valueOf(report, `${field}.points[0].value`, point?.value);
  if (type === undefined || resource.type === undefined || interval === undefined || number === undefined) return undefined;
  return {
    field,
    metric: type,
    metricLabels: metric.labels ?? {},
    kind,
    resourceType: resource.type,
    resourceLabels: resource.labels ?? {},
    ...interval,
    value: number,
  };
}

interface Interval {
  readonly startTime?: string;
  readonly endTime?: string;
  readonly kind: TimeSeriesPoint["kind"];
  readonly now: number;
}

function intervalOf(
  report: Report,
  field: string,
  { startTime, endTime, kind, now }: Interval,
): Pick<TimeSeriesPoint, "startMs" | "endMs"> | undefined {
  if (endTime === undefined) {
    report.required(`${field}.endTime`);
    return undefined;
  }
  const endMs = Date.parse(endTime);
  if (endMs > now + furthestAheadMs) {
    report.invalid(`${field}.endTime`, endTime, "Must not be more than five minutes in the future.");
    return undefined;
  }
  if (kind === "GAUGE") return { endMs };
  if (startTime === undefined) {
    report.required(`${field}.startTime`);
    return undefined;
  }
  const startMs = Date.parse(startTime);
  if (startMs >= endMs) {
    report.invalid(`${field}.startTime`, startTime, "Must be before endTime.");
    return undefined;
  }
  return { startMs, endMs };
}

type Value = NonNullable<NonNullable<Reading<typeof timeSeries>["points"]>[number]["value"]>;

function valueOf(report: Report, field: string, value: Value | undefined): number | undefined {
  if (value === undefined) {
    report.required(field);
    return undefined;
  }
  report.oneOf(field, value, { of: ["doubleValue", "int64Value", "boolValue"], needed: true });
  return value.doubleValue ?? value.int64Value ?? (value.boolValue === undefined ? undefined : Number(value.boolValue));
}
