import { isJsonObject, type JsonObject } from "#base/json.ts";
import type { Cluster } from "#ir/cluster.ts";
import type { Target } from "./balancer.ts";
import type { AttemptEnd, ReportedLoad } from "./stats.ts";

/**
 * Load that an endpoint reports with its answers: the response header `Endpoint-Load-Metrics` in ORCA's `TEXT` and `JSON` forms (Envoy:
 * `endpoint-load-metrics`), with the names of `xds.data.orca.v3.OrcaLoadReport`.
 */

const header = "endpoint-load-metrics";
/** Longer headers are not read: a report has a dozen numbers. */
const longest = 4096;

/** Takes note of the load that came with an answer, where the policy or a group's capacity goes by it. Called for each answer. */
export function noteLoad(cluster: Cluster, target: Target, { end, now }: { readonly end: AttemptEnd; readonly now: number }): void {
  const policy = cluster.policy?.kind === "WEIGHTED_ROUND_ROBIN" ? cluster.policy : undefined;
  const isWanted = policy !== undefined || cluster.groups.some(({ capacity }) => capacity?.mode === "UTILIZATION");
  if (!isWanted || end.kind !== "response") return;
  const text = end.headers.get(header);
  const load = text === null ? undefined : readLoad(text, policy?.metrics);
  if (load) target.stats.reported(load, now);
}

/**
 * The load in a header's value; undefined when it holds none. `metrics` names what utilization is: the greatest of these, such as
 * `cpu_utilization` or `named_metrics.queue`; without it what the application says (`application_utilization`), else its CPU.
 */
export function readLoad(value: string, metrics?: readonly string[]): ReportedLoad | undefined {
  if (value.length > longest) return undefined;
  const report = numbersOf(value.trim());
  const wanted = metrics ?? ["application_utilization"];
  const found = wanted.flatMap((name) => report.get(name) ?? []);
  const utilization = found.length > 0 ? Math.max(...found) : metrics ? undefined : report.get("cpu_utilization");
  if (utilization === undefined) return undefined;
  const requestsPerSecond = report.get("rps_fractional") ?? report.get("rps");
  const errorsPerSecond = report.get("eps");
  return {
    utilization,
    ...(requestsPerSecond !== undefined && { requestsPerSecond }),
    ...(errorsPerSecond !== undefined && { errorsPerSecond }),
  };
}

/** `TEXT cpu_utilization=0.3, named_metrics.q=0.8` or `JSON {"cpu_utilization": 0.3, "named_metrics": {"q": 0.8}}`; negative numbers do not count. */
function numbersOf(value: string): Map<string, number> {
  const numbers = new Map<string, number>();
  const note = (name: string, number: unknown): void => {
    if (typeof number === "number" && Number.isFinite(number) && number >= 0) numbers.set(name, number);
  };
  if (value.startsWith("JSON ")) {
    for (const [name, entry] of Object.entries(parsed(value.slice(5)))) {
      if (!isJsonObject(entry)) note(snake(name), entry);
      else for (const [key, inner] of Object.entries(entry)) note(`${snake(name)}.${key}`, inner);
    }
  } else if (value.startsWith("TEXT ")) {
    for (const pair of value.slice(5).split(",")) {
      const [name = "", number = ""] = pair.split("=", 2).map((part) => part.trim());
      if (/^\d*\.?\d+(?:e[+-]?\d+)?$/i.test(number)) note(name, Number(number));
    }
  }
  return numbers;
}

/** Protobuf's JSON writes `cpuUtilization`, and takes `cpu_utilization`. */
function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function parsed(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : {};
  } catch {
    return {};
  }
}
