/** What an autoscaler is told, what it is fed, and what it answers. Plain data: it crosses Durable Object RPC. */

/** Google's `autoscalingPolicy` with its defaults filled in, compiled for one group. */
export interface AutoscalingSpec {
  /** `ONLY_UP` is Google's older name of `ONLY_SCALE_OUT`. */
  readonly mode: "ON" | "OFF" | "ONLY_SCALE_OUT" | "ONLY_UP";
  readonly min: number;
  readonly max: number;
  /** From when an instance runs until its figures count for scaling out. */
  readonly coolDownMs: number;
  /** A group is kept at the greatest size that was needed within this time. */
  readonly stabilizationMs: number;
  /** Shares are of 1. */
  readonly cpu?: { readonly target: number };
  readonly loadBalancing?: { readonly target: number; readonly backends: readonly BalancedBackend[] };
  readonly metrics: readonly MetricSpec[];
  readonly scaleIn?: ScaleInControl;
  readonly schedules: readonly ScheduleSpec[];
}

/** One backend service that sends requests to the group, and what it may send. */
export interface BalancedBackend {
  /** Key of the resource. */
  readonly backendService: string;
  readonly capacity:
    | { readonly kind: "RATE"; readonly perInstance: number }
    | { readonly kind: "UTILIZATION"; readonly max: number }
    /** A mode, or a limit for the whole group, that says nothing of what one instance can take. */
    | { readonly kind: "UNSUPPORTED" };
}

export interface MetricSpec {
  /** Such as `custom.googleapis.com/queue/depth`. */
  readonly metric: string;
  readonly resourceType?: string;
  readonly resourceLabels: Readonly<Record<string, string>>;
  readonly metricLabels: Readonly<Record<string, string>>;
  readonly type: "GAUGE" | "DELTA_PER_SECOND" | "DELTA_PER_MINUTE";
  /** UTILIZATION: what each instance is to have. ASSIGNMENT: how much of the whole group's work one instance does. */
  readonly goal: { readonly kind: "UTILIZATION" | "ASSIGNMENT"; readonly value: number };
}

/** The group never loses more than this many instances of the greatest size that it had within the window. */
export interface ScaleInControl {
  readonly most: { readonly fixed: number } | { readonly percent: number };
  readonly windowMs: number;
}

export interface ScheduleSpec {
  readonly name: string;
  readonly cron: string;
  readonly timeZone: string;
  readonly durationMs: number;
  readonly required: number;
  readonly disabled: boolean;
}

/** CPU time that a VM has used since it began, by the clock of whoever reports it. */
export interface CpuSample {
  readonly id: string;
  readonly atMs: number;
  readonly cpuSeconds: number;
}

/** Requests that all proxies of a backend service together send to the group. */
export interface BackendLoad {
  /** Key of the resource. */
  readonly backendService: string;
  readonly requestsPerSecond: number;
}

/** One point of a time series, in the words of Cloud Monitoring. */
export interface MetricPoint {
  readonly metric: string;
  readonly metricLabels: Readonly<Record<string, string>>;
  readonly kind: "GAUGE" | "DELTA" | "CUMULATIVE";
  readonly resourceType: string;
  readonly resourceLabels: Readonly<Record<string, string>>;
  /** Id of the instance that it is of; absent: of the group as a whole. */
  readonly instanceId?: string;
  /** Of DELTA and CUMULATIVE: where the count began. */
  readonly startMs?: number;
  readonly endMs: number;
  readonly value: number;
}

/** What is known of a group's load outside of it. Droppable: the next one says more. */
export interface Signals {
  readonly loads?: readonly BackendLoad[];
  readonly points?: readonly MetricPoint[];
}

/** Google's `statusDetails[].type`, as far as they come up here. */
export type ScalingDetail =
  | "ALL_INSTANCES_UNHEALTHY"
  | "BACKEND_SERVICE_DOES_NOT_EXIST"
  | "CAPPED_AT_MAX_NUM_REPLICAS"
  | "CUSTOM_METRIC_DATA_POINTS_TOO_SPARSE"
  | "MIN_EQUALS_MAX"
  | "MISSING_CUSTOM_METRIC_DATA_POINTS"
  | "MISSING_LOAD_BALANCING_DATA_POINTS"
  | "MODE_OFF"
  | "MODE_ONLY_SCALE_OUT"
  | "MODE_ONLY_UP"
  | "SCHEDULED_INSTANCES_GREATER_THAN_AUTOSCALER_MAX"
  | "SCHEDULED_INSTANCES_LESS_THAN_AUTOSCALER_MIN"
  | "UNSUPPORTED_MAX_RATE_LOAD_BALANCING_CONFIGURATION";

export interface ScheduleStatus {
  readonly name: string;
  readonly state: "ACTIVE" | "READY" | "DISABLED" | "OBSOLETE";
  readonly lastStartMs?: number;
  readonly nextStartMs?: number;
}

export interface ScalingReport {
  /** The size that the group should have; also where the mode forbids it. */
  readonly recommendedSize: number;
  /** ERROR: a signal is configured in a way that can never work. */
  readonly status: "ACTIVE" | "ERROR";
  readonly details: readonly ScalingDetail[];
  readonly schedules: readonly ScheduleStatus[];
}
