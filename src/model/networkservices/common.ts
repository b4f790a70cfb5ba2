/** What the resources of Network Services and Network Security have in common. */
import { checkLabels, checkNetworkName } from "../check/names.ts";
import type { Report } from "../check/report.ts";
import type { MaybeReference } from "../define.ts";
import type { StandardVerb } from "../kind.ts";
import { message, number, text, textMap, texts, type Reading } from "../schema.ts";

export const ownedByServer: readonly string[] = ["createTime", "updateTime", "selfLink"];
export const networkVerbs: readonly StandardVerb[] = ["insert", "get", "list", "patch", "delete"];

export const commonShape = { name: text, labels: textMap };
export const routeShape = { ...commonShape, meshes: texts, gateways: texts };

const stem = message(commonShape);

export function checkCommon(report: Report, resource: Reading<typeof stem>): void {
  checkNetworkName(report, resource.name);
  checkLabels(report, "resource.labels", resource.labels);
}

/** The meshes and gateways that a route is attached to. */
export function scopeReferences(route: { readonly meshes?: readonly string[]; readonly gateways?: readonly string[] }): MaybeReference[] {
  const of = (field: "meshes" | "gateways"): MaybeReference[] =>
    (route[field] ?? []).map((value, index) => ({ field: `resource.${field}[${index}]`, value, collections: [field] }));
  return [...of("meshes"), ...of("gateways")];
}

/** `{serviceName, weight}` of gRPC, TCP and TLS routes. */
export const destination = message({ serviceName: text, weight: number });

type Destination = Reading<typeof destination>;

/** Each needs a service; weights are given for all or for none (Google). */
export function checkDestinations(report: Report, path: string, destinations: readonly Destination[] | undefined): void {
  const given = destinations ?? [];
  const weighted = given.filter(({ weight }) => weight !== undefined).length;
  if (weighted !== 0 && weighted !== given.length) {
    report.invalid(path, `${weighted} of ${given.length} with a weight`, "Weights must be specified for all destinations or for none.");
  }
  for (const [index, { serviceName, weight }] of given.entries()) {
    if (!serviceName) report.required(`${path}[${index}].serviceName`);
    report.range(`${path}[${index}].weight`, weight, [0, 2_147_483_647]);
  }
}

export function destinationReferences(path: string, destinations: readonly Destination[] | undefined): MaybeReference[] {
  return (destinations ?? []).map(({ serviceName }, index) => ({
    field: `${path}[${index}].serviceName`,
    value: serviceName,
    collections: ["backendServices"],
  }));
}

/** RFC 1123 labels, upper case being taken as lower case; `_` is in use for services. */
const hostname = /^(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*(:\d{1,5})?$/i;
const numeric = /^[0-9.]+(:\d+)?$/;
const longestHostname = 253;

/** Google: fully qualified names, `*.` as a wildcard label, no IP addresses; `*` alone takes every host. */
export function checkHostnames(report: Report, hostnames: readonly string[] | undefined): void {
  if (hostnames === undefined || hostnames.length === 0) report.required("resource.hostnames");
  const seen = new Set<string>();
  for (const [index, host] of (hostnames ?? []).entries()) {
    const field = `resource.hostnames[${index}]`;
    const legal = host === "*" || (hostname.test(host) && !numeric.test(host) && host.length <= longestHostname);
    if (!legal)
      report.invalid(field, host, "Must be a fully qualified domain name, or '*.' followed by one; IP addresses are not allowed.");
    if (seen.has(host.toLowerCase())) report.invalid(field, host, "Hostname is specified more than once.");
    seen.add(host.toLowerCase());
  }
}

/** A route needs at least one rule (Google). */
export function checkHasRules(report: Report, rules: readonly unknown[] | undefined): void {
  if (rules === undefined || rules.length === 0) report.required("resource.rules");
}
