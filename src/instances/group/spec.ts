import type { AutoscalingSpec, ScalingReport, Signals } from "../scale/spec.ts";

/**
 * What the control plane tells a group, and what the group tells back. Plain data: it crosses Durable Object RPC.
 * The Project object owns the specification (compiled from resources), the Group object owns instances and health.
 */

/** `zones/z/instanceGroups/g` or `zones/z/networkEndpointGroups/n`: names a group within its project, and its object as `project/key`. */
export type GroupKey = string;

/** One way of probing each instance. `id` is the health check's key plus what it takes its port from, so equal probes are made once. */
export interface ProbeSpec {
  readonly id: string;
  /** `healthChecks/name`. */
  readonly healthCheck: string;
  readonly type: "HTTP" | "HTTPS" | "TCP";
  /** Port to probe; `serving` takes the endpoint's own port (network endpoint groups, members with a port). */
  readonly port: number | "serving";
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly healthyThreshold: number;
  readonly unhealthyThreshold: number;
  readonly http?: { readonly path: string; readonly host?: string; readonly response?: string };
  readonly tcp?: { readonly request?: string; readonly response?: string };
}

export interface TemplateSpec {
  /** `instanceTemplates/name`. */
  readonly name: string;
  /** Metadata items, `startup-script` among them. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly tags: readonly string[];
  readonly machineType: string;
}

/** Members of groups that nobody manages: registered VMs and attached network endpoints. */
export interface MemberSpec {
  readonly name: string;
  readonly address: string;
  /** Of a registered VM or endpoint; absent: the group's named ports. */
  readonly port?: number;
}

export interface GroupSpec {
  readonly project: string;
  readonly key: GroupKey;
  readonly zone: string;
  readonly name: string;
  /** Grows with each change; a group ignores a specification that is not newer than its own. */
  readonly version: number;
  readonly namedPorts: readonly { readonly name: string; readonly port: number }[];
  readonly probes: readonly ProbeSpec[];
  /** Longest `connectionDraining` of the backend services that use the group. */
  readonly drainingTimeoutMs: number;
  readonly kind: "managed" | "unmanaged" | "endpoints" | "deleted";
  /** Of kind managed. */
  readonly managed?: {
    readonly baseInstanceName: string;
    readonly targetSize: number;
    readonly template: TemplateSpec;
    readonly autoHealing?: { readonly probeId: string; readonly initialDelayMs: number };
    readonly autoscaling?: AutoscalingSpec;
  };
  /** Of kinds unmanaged and endpoints. */
  readonly members?: readonly MemberSpec[];
}

/** Google's `instanceStatus`, as far as instances here go through it. */
export type InstanceStatus = "PROVISIONING" | "STAGING" | "RUNNING" | "STOPPING" | "TERMINATED" | "REPAIRING";

/** Google's `currentAction`. */
export type CurrentAction = "NONE" | "CREATING" | "RECREATING" | "DELETING" | "VERIFYING";

export type HealthState = "HEALTHY" | "UNHEALTHY" | "DRAINING" | "TIMEOUT" | "UNKNOWN";

export interface InstanceReport {
  readonly name: string;
  /** Decimal, unique for ever: identity is group + id, never an address. */
  readonly id: string;
  /** Empty until the instance has been made. */
  readonly address: string;
  readonly port?: number;
  readonly status: InstanceStatus;
  readonly action: CurrentAction;
  /** `instanceTemplates/name` for managed instances. */
  readonly template?: string;
  /** By `ProbeSpec.id`. */
  readonly health: Readonly<Record<string, HealthState>>;
  /** By `ProbeSpec.id`, of those whose health is HEALTHY: since when. */
  readonly healthySinceMs?: Readonly<Record<string, number>>;
  readonly createdAtMs: number;
  readonly lastError?: string;
}

export interface GroupReport {
  readonly key: GroupKey;
  /** Version of the specification that this report answers. */
  readonly specVersion: number;
  /** Grows with each report; a lower one is old news. */
  readonly sequence: number;
  readonly isStable: boolean;
  readonly instances: readonly InstanceReport[];
  /** Of a group with an autoscaler: what that says of the size of this specification. */
  readonly scaling?: ScalingReport;
}

/** The Project object, as a group sees it (Durable Object RPC). */
export interface GroupObserver {
  observeGroup(report: GroupReport): Promise<void>;
  /**
   * Whether every proxy that could send requests to these instances has applied a configuration without them.
   * Asked before their processes are ended.
   */
  released(key: GroupKey, instances: readonly string[]): Promise<boolean>;
}

/** The Group object, as the Project object sees it (Durable Object RPC). */
export interface GroupControl {
  configure(spec: GroupSpec): Promise<void>;
  /** Tells of the group's load as far as others measure it. May be lost: the next call says more. */
  measure(signals: Signals): Promise<void>;
}
