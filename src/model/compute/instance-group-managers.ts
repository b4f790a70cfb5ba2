import { checkName, checkNamedPorts } from "../check/names.ts";
import type { Report } from "../check/report.ts";
import { defineKind } from "../define.ts";
import type { Kind } from "../kind.ts";
import { list, message, number, text, textMap, type Reading } from "../schema.ts";
import { namedPort, ownedByServer, patchableVerbs } from "./common.ts";

const fixedOrPercent = message({ fixed: number, percent: number });

const schema = message({
  name: text,
  baseInstanceName: text,
  instanceTemplate: text,
  versions: list(message({ name: text, instanceTemplate: text, targetSize: fixedOrPercent })),
  targetSize: number,
  namedPorts: list(namedPort),
  autoHealingPolicies: list(message({ healthCheck: text, initialDelaySec: number })),
  updatePolicy: message({
    type: text,
    minimalAction: text,
    replacementMethod: text,
    maxSurge: fixedOrPercent,
    maxUnavailable: fixedOrPercent,
    mostDisruptiveAllowedAction: text,
    instanceRedistributionType: text,
  }),
  allInstancesConfig: message({ properties: message({ labels: textMap, metadata: textMap }) }),
  distributionPolicy: message({ zones: list(message({ zone: text })), targetShape: text }),
  statefulPolicy: message({ preservedState: message({}) }),
  instanceLifecyclePolicy: message({ defaultActionOnFailure: text, onFailedHealthCheck: text, forceUpdateOnRepair: text }),
  targetStoppedSize: number,
  targetSuspendedSize: number,
});

export type InstanceGroupManager = Reading<typeof schema>;
type FixedOrPercent = Reading<typeof fixedOrPercent>;

/** Google's limit for a regional group; a zonal one has 1,000 unless more is asked for. */
const largestGroup = 2_000;

/**
 * A managed instance group: keeps `targetSize` instances made from a template. Its instance group has the same scope and name. Obeyed:
 * `baseInstanceName` (default: the name), `instanceTemplate` or `versions[]`, `targetSize`, `namedPorts`, `autoHealingPolicies[0]`, `updatePolicy`,
 * `instanceLifecyclePolicy`, `allInstancesConfig`; `distributionPolicy` of a regional one; of `statefulPolicy` that instances keep their names.
 */
export const instanceGroupManagers: Kind<InstanceGroupManager> = defineKind({
  api: "compute",
  collection: "instanceGroupManagers",
  singular: "instanceGroupManager",
  kind: "compute#instanceGroupManager",
  scopes: ["zone", "region"],
  verbs: patchableVerbs,
  message: "InstanceGroupManager",
  fingerprint: true,
  outputOnly: [...ownedByServer, "currentActions", "status", "instanceGroup"],
  schema,
  defaults: (resource) => ({
    ...(typeof resource["name"] === "string" ? { baseInstanceName: resource["name"].slice(0, longestBaseName) } : {}),
    updatePolicy: { type: "OPPORTUNISTIC", minimalAction: "REPLACE", replacementMethod: "SUBSTITUTE" },
    instanceLifecyclePolicy: { defaultActionOnFailure: "REPAIR", forceUpdateOnRepair: "NO" },
  }),
  check: (resource, report) => {
    checkName(report, "resource.name", resource.name);
    checkBaseName(report, resource.baseInstanceName);
    if (resource.targetSize === undefined) report.required("resource.targetSize");
    report.range("resource.targetSize", resource.targetSize, [0, largestGroup]);
    checkNamedPorts(report, resource.namedPorts);
    checkVersions(report, resource);
    checkAutoHealing(report, resource);
    checkUpdatePolicy(report, resource);
    checkActions(report, resource);
  },
  references: (resource) => [
    { field: "resource.instanceTemplate", value: resource.instanceTemplate, collections: ["instanceTemplates"] },
    ...(resource.versions ?? []).map(({ instanceTemplate }, index) => ({
      field: `resource.versions[${index}].instanceTemplate`,
      value: instanceTemplate,
      collections: ["instanceTemplates"],
    })),
    ...(resource.autoHealingPolicies ?? []).map(({ healthCheck }, index) => ({
      field: `resource.autoHealingPolicies[${index}].healthCheck`,
      value: healthCheck,
      collections: ["healthChecks"],
    })),
  ],
});

/** What is left of 63 characters when an instance's suffix, such as `-x7k2`, is taken off. */
const longestBaseName = 58;
const baseName = /^[a-z]([-a-z0-9]*[a-z0-9])?(-?#{1,10})?$/;

/** A base name may end in `#` signs, which stand for the digits of a number. */
function checkBaseName(report: Report, name: string | undefined): void {
  if (name === undefined) return;
  if (!baseName.test(name) || name.length > longestBaseName) {
    report.invalid("resource.baseInstanceName", name, `Must be a match of regex '[a-z]([-a-z0-9]{0,${longestBaseName - 2}}[a-z0-9])?'`);
  }
}

function checkVersions(report: Report, { instanceTemplate, versions = [] }: InstanceGroupManager): void {
  const path = "resource.versions";
  if (versions.length === 0) {
    if (instanceTemplate === undefined || instanceTemplate === "") report.required("resource.instanceTemplate");
    return;
  }
  for (const [index, version] of versions.entries()) {
    if (version.instanceTemplate === undefined) report.required(`${path}[${index}].instanceTemplate`);
    checkFixedOrPercent(report, `${path}[${index}].targetSize`, version.targetSize);
  }
  const open = versions.filter(({ targetSize }) => targetSize === undefined);
  if (open.length !== 1) report.invalid(path, `${open.length} versions without targetSize`, "Exactly one version must have no targetSize.");
}

function checkAutoHealing(report: Report, { autoHealingPolicies = [] }: InstanceGroupManager): void {
  report.atMost("resource.autoHealingPolicies", autoHealingPolicies, 1);
  for (const [index, { initialDelaySec }] of autoHealingPolicies.entries()) {
    report.range(`resource.autoHealingPolicies[${index}].initialDelaySec`, initialDelaySec, [0, 3600]);
  }
}

function checkFixedOrPercent(report: Report, path: string, value: FixedOrPercent | undefined): void {
  if (value === undefined) return;
  report.oneOf(path, value, { of: ["fixed", "percent"], needed: false });
  report.range(`${path}.fixed`, value.fixed, [0, 2_147_483_647]);
  report.range(`${path}.percent`, value.percent, [0, 100]);
}

const updateActions = ["NONE", "REFRESH", "RESTART", "REPLACE"];

function checkActions(report: Report, { updatePolicy = {} }: InstanceGroupManager): void {
  const path = "resource.updatePolicy";
  const { minimalAction = "REPLACE", mostDisruptiveAllowedAction = "REPLACE" } = updatePolicy;
  if (updateActions.indexOf(minimalAction) > updateActions.indexOf(mostDisruptiveAllowedAction)) {
    const why = `The most disruptive allowed action, ${mostDisruptiveAllowedAction}, is less than it.`;
    report.invalid(`${path}.minimalAction`, minimalAction, why);
  }
}

function checkUpdatePolicy(report: Report, { updatePolicy, targetSize = 0 }: InstanceGroupManager): void {
  if (updatePolicy === undefined) return;
  const path = "resource.updatePolicy";
  const { maxSurge, maxUnavailable, replacementMethod } = updatePolicy;
  for (const [field, value] of Object.entries({ maxSurge, maxUnavailable })) {
    checkFixedOrPercent(report, `${path}.${field}`, value);
    if (value?.percent !== undefined && value.percent > 0 && targetSize < smallestForPercent) {
      report.invalid(`${path}.${field}`, value, `Percent is allowed only for groups with at least ${smallestForPercent} instances.`);
    }
  }
  if (replacementMethod === "RECREATE" && isPositive(maxSurge)) {
    report.invalid(`${path}.maxSurge`, maxSurge, "maxSurge must be equal to 0 when replacement method is set to RECREATE");
  }
  if (maxSurge !== undefined && maxUnavailable !== undefined && !isPositive(maxSurge) && !isPositive(maxUnavailable)) {
    report.invalid(`${path}.maxUnavailable`, maxUnavailable, "At least one of maxSurge and maxUnavailable must be greater than 0.");
  }
}

const smallestForPercent = 10;

function isPositive(value: FixedOrPercent | undefined): boolean {
  return (value?.fixed ?? 0) > 0 || (value?.percent ?? 0) > 0;
}
