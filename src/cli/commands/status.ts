/** `wayside status`: what every proxy serves, against what it should serve. */
import type { JsonObject } from "#base/json.ts";
import { type ApiOptions, clientOf } from "../options.ts";
import { objectOf, objectsOf, textOf, textsOf } from "../output/fields.ts";
import { print } from "../output/print.ts";
import { age, state, table } from "../output/table.ts";
import { projectPath } from "../resources/paths.ts";

export async function run(options: ApiOptions): Promise<void> {
  const status = await clientOf(options).call("GET", `${projectPath("wayside", options.project)}/status`);
  print(options.output, status, () => statusText(status));
}

/** The table, and a line for each thing that needs attention. */
function statusText(status: JsonObject): string {
  const proxies = objectsOf(status["proxies"]);
  const counts = Map.groupBy(proxies, ({ service }) => service);
  const rows = proxies.map((proxy) => [
    textOf(proxy["service"]),
    // Worth a column only where there are several to tell apart.
    (counts.get(proxy["service"])?.length ?? 0) > 1 ? textOf(proxy["proxy"]) : undefined,
    state(textOf(proxy["state"])),
    textOf(proxy["wantedGeneration"]),
    textOf(proxy["appliedGeneration"]),
    textOf(proxy["wantedDigest"])?.slice(0, 12),
    typeof proxy["ageSeconds"] === "number" ? age(proxy["ageSeconds"]) : undefined,
    textOf(objectOf(proxy["lastRejection"])["reason"]),
  ]);
  const heads = ["SERVICE", "PROXY", "STATE", "WANTED", "APPLIED", "DIGEST", "AGE", "LAST REJECTION"];
  return [table(heads, rows), ...backlog(status), ...conflicts(status), ...warnings(status)].join("");
}

function backlog(status: JsonObject): string[] {
  const { pending, lastError } = objectOf(status["publishing"]);
  const waiting = typeof pending === "number" ? pending : 0;
  const why = textOf(lastError);
  return waiting === 0 ? [] : [`\n${waiting} services wait to be published${why === undefined ? "" : `: ${why}`}\n`];
}

function conflicts(status: JsonObject): string[] {
  return objectsOf(status["conflicts"]).map(
    (one) =>
      `\nconflict: ${textOf(one["service"])} is served by ${textOf(one["owner"])}; ${textOf(one["ignored"])} claims it, too, and is ignored\n`,
  );
}

/** What resources ask for and is not done; then what single proxies cannot do. */
function warnings(status: JsonObject): string[] {
  const ofResources = objectsOf(status["warnings"]).map(({ text }) => textOf(text));
  const ofProxies = objectsOf(status["proxies"]).flatMap(({ service, warnings: own }) =>
    textsOf(own).map((text) => `the proxy of ${textOf(service)}: ${text}`),
  );
  return [...new Set([...ofResources, ...ofProxies])].map((text) => `\nwarning: ${text}\n`);
}
