import type { GroupSpec, MemberSpec, ProbeSpec, TemplateSpec } from "#instances/group/spec.ts";

/** Specifications for tests, each with one thing changed. */

export const template: TemplateSpec = {
  name: "instanceTemplates/web-v1",
  metadata: { "startup-script": "exec web" },
  labels: {},
  tags: [],
  machineType: "e2-small",
};

/** Google's defaults: every 5 s, thresholds of 2. */
export const httpProbe: ProbeSpec = {
  id: "healthChecks/hc:http",
  healthCheck: "healthChecks/hc",
  type: "HTTP",
  port: 8080,
  intervalMs: 5000,
  timeoutMs: 5000,
  healthyThreshold: 2,
  unhealthyThreshold: 2,
  http: { path: "/healthz" },
};

export function managedSpec(targetSize: number, changes: Partial<GroupSpec> = {}): GroupSpec {
  return {
    project: "demo",
    key: "zones/z/instanceGroups/web",
    zone: "z",
    name: "web",
    version: 1,
    namedPorts: [{ name: "http", port: 8080 }],
    probes: [],
    drainingTimeoutMs: 0,
    kind: "managed",
    managed: { baseInstanceName: "web", targetSize, template },
    ...changes,
  };
}

export function healedSpec(targetSize: number, initialDelayMs: number): GroupSpec {
  const managed = { baseInstanceName: "web", targetSize, template, autoHealing: { probeId: httpProbe.id, initialDelayMs } };
  return managedSpec(targetSize, { probes: [httpProbe], managed });
}

export function membersSpec(kind: "unmanaged" | "endpoints", members: readonly MemberSpec[], changes: Partial<GroupSpec> = {}): GroupSpec {
  const { managed: _managed, ...rest } = managedSpec(0);
  return { ...rest, kind, members, ...changes };
}
