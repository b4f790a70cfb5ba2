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

/** How far an update of an instance goes, each including those before it (Google's `minimalAction`). */
export type UpdateAction = "NONE" | "REFRESH" | "RESTART" | "REPLACE";

/** Google's `updatePolicy`, with percentages resolved. */
export interface UpdateSpec {
  readonly type: "PROACTIVE" | "OPPORTUNISTIC";
  readonly method: "SUBSTITUTE" | "RECREATE";
  readonly minimalAction: UpdateAction;
  readonly mostDisruptive: UpdateAction;
  /** How many instances an update may make beyond the size; those that it takes out count until they are gone. */
  readonly maxSurge: number;
  /** How many of the wanted instances may be unavailable by an update's doing. */
  readonly maxUnavailable: number;
}

/** Google's `instanceLifecyclePolicy`. */
export interface RepairSpec {
  /** Whether an instance that ended by itself is made again. */
  readonly onFailure: boolean;
  readonly onFailedHealthCheck: boolean;
  /** Whether a repaired instance gets the wanted version. */
  readonly updates: boolean;
}

/** Google's `distributionPolicy`. */
export interface SpreadSpec {
  /** One at least, each once. */
  readonly zones: readonly string[];
  /** All instances are to be in one of them; otherwise in all, evenly. */
  readonly singleZone: boolean;
  /** Whether instances are moved when the numbers of the zones differ by more than one. */
  readonly redistributes: boolean;
}

/** What one instance has beyond its template, and keeps (Google's per-instance config). */
export interface InstanceConfig {
  /** Another with each change, in all of the project. */
  readonly revision: number;
  /** Stands before the template's. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** What a verb of the manager asks of single instances. */
export type Intent = { readonly id: number } & (
  | { readonly kind: "recreate" | "delete" | "abandon" | "create" | "stop" | "suspend" | "start"; readonly names: readonly string[] }
  /** `names` absent: all of them. */
  | {
      readonly kind: "update";
      readonly names?: readonly string[];
      readonly minimalAction: UpdateAction;
      readonly mostDisruptive: UpdateAction;
    }
);

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
    /** Of the version without a target size: what is left over gets it. */
    readonly template: TemplateSpec;
    /** The other versions, each for so many instances (Google's canaries). */
    readonly canaries?: readonly { readonly template: TemplateSpec; readonly size: number }[];
    /** Absent: OPPORTUNISTIC, and what is made new gets the wanted version. */
    readonly update?: UpdateSpec;
    readonly autoHealing?: { readonly probeId: string; readonly initialDelayMs: number };
    readonly autoscaling?: AutoscalingSpec;
    /** Absent: Google's defaults, REPAIR and an unchanged version. */
    readonly repair?: RepairSpec;
    /** Of a regional group: how its instances are spread over zones. */
    readonly spread?: SpreadSpec;
    /** By name of the instance. Taken on when the instance is made, started again, or updated by a verb. */
    readonly configs?: Readonly<Record<string, InstanceConfig>>;
    /** Every instance has something to keep (Google's `statefulPolicy`). */
    readonly stateful?: boolean;
    /** What was asked of single instances, oldest first; each is carried out once, by its id. */
    readonly intents?: readonly Intent[];
  };
  /** Of kinds unmanaged and endpoints. */
  readonly members?: readonly MemberSpec[];
}

/** Google's `instanceStatus`, as far as instances here go through it. */
export type InstanceStatus =
  | "PROVISIONING"
  | "STAGING"
  | "RUNNING"
  | "STOPPING"
  | "STOPPED"
  | "SUSPENDING"
  | "SUSPENDED"
  | "TERMINATED"
  | "REPAIRING";

/** Google's `currentAction`. */
export type CurrentAction =
  | "NONE"
  | "CREATING"
  | "RECREATING"
  | "RESTARTING"
  | "DELETING"
  | "VERIFYING"
  | "STOPPING"
  | "SUSPENDING"
  | "STARTING"
  | "RESUMING";

export type HealthState = "HEALTHY" | "UNHEALTHY" | "DRAINING" | "TIMEOUT" | "UNKNOWN";

export interface InstanceReport {
  readonly name: string;
  /** Decimal, unique for ever: identity is group + id, never an address. */
  readonly id: string;
  /** Of a regional group's instance; absent: the zone of the group. */
  readonly zone?: string;
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
  /** `InstanceConfig.revision` of the config that it has; absent: none. */
  readonly config?: number;
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
  /** How many instances have another version, or other properties, than they are to have; absent: none. */
  readonly outdated?: number;
  /** Of an update under way. */
  readonly update?: UpdateReport;
  /** Absent: none were made since the group's object began. */
  readonly creation?: CreationReport;
  /** Id of the last intent that was carried out. */
  readonly intentsDone?: number;
  /** `instanceTemplates/name` of versions that all instances had come to run and be healthy with, the latest last. */
  readonly goodTemplates?: readonly string[];
}

/** How fast the last instances came that were decided on together. */
export interface CreationReport {
  readonly decidedAtMs: number;
  /** How many of them run, and since when the last of these. */
  readonly made: number;
  readonly lastMadeAtMs: number;
}

export interface UpdateReport {
  /** How many instances have the version that they are to have. */
  readonly updated: number;
  readonly size: number;
  /** Why it does not go on at the moment, one sentence for each reason. */
  readonly waits: readonly string[];
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
