import type { JsonObject } from "#base/json.ts";
import { managerOf } from "#control/compiler/autoscaling.ts";
import type { ScalingDetail, ScheduleStatus } from "#instances/scale/spec.ts";
import { autoscalers } from "#model/compute/autoscalers.ts";
import type { StoredResource } from "../store/store.ts";
import type { Call } from "./context.ts";
import { groupKeyOfManager } from "./derived.ts";
import { viewOf } from "./view.ts";

/** What an autoscaler answers beyond what was given. PENDING: its group has not looked at it yet. */
export function autoscalerStatus(call: Call, stored: StoredResource): JsonObject {
  const manager = managerOf(viewOf(call), autoscalers.read(stored.resource));
  const scaling = manager === undefined ? undefined : call.context.store.groupReport(groupKeyOfManager(manager))?.scaling;
  if (!scaling) return { status: "PENDING" };
  return {
    status: scaling.status,
    recommendedSize: scaling.recommendedSize,
    ...(scaling.details.length > 0 && { statusDetails: scaling.details.map((type) => ({ type, message: messages[type] })) }),
    ...(scaling.schedules.length > 0 && { scalingScheduleStatus: Object.fromEntries(scaling.schedules.map(scheduleStatus)) }),
  };
}

function scheduleStatus({ name, state, lastStartMs, nextStartMs }: ScheduleStatus): [string, JsonObject] {
  const time = (ms: number): string => new Date(ms).toISOString();
  return [
    name,
    {
      state,
      ...(lastStartMs !== undefined && { lastStartTime: time(lastStartMs) }),
      ...(nextStartMs !== undefined && { nextStartTime: time(nextStartMs) }),
    },
  ];
}

const onlyScaleOut = 'Autoscaling is in the "Autoscale only scale out" mode. The autoscaler can add instances but not remove any.';

/** Google's sentences. */
const messages: Readonly<Record<ScalingDetail, string>> = {
  ALL_INSTANCES_UNHEALTHY: "All instances in the instance group are unhealthy (not in RUNNING state).",
  BACKEND_SERVICE_DOES_NOT_EXIST: "There is no backend service attached to the instance group.",
  CAPPED_AT_MAX_NUM_REPLICAS: "Autoscaler recommends a size greater than maxNumReplicas.",
  CUSTOM_METRIC_DATA_POINTS_TOO_SPARSE: "The custom metric samples are not exported often enough to be a credible base for autoscaling.",
  MIN_EQUALS_MAX:
    "The minNumReplicas is equal to maxNumReplicas. This means the autoscaler cannot add or remove instances from the instance group.",
  MISSING_CUSTOM_METRIC_DATA_POINTS: "The autoscaler did not receive any data from the custom metric configured for autoscaling.",
  MISSING_LOAD_BALANCING_DATA_POINTS:
    "The autoscaler is configured to scale based on a load balancing signal but the instance group has not received any requests from the load balancer.",
  MODE_OFF:
    "Autoscaling is turned off. The number of instances in the group won't change automatically. The autoscaling configuration is preserved.",
  MODE_ONLY_SCALE_OUT: onlyScaleOut,
  MODE_ONLY_UP: onlyScaleOut,
  SCHEDULED_INSTANCES_GREATER_THAN_AUTOSCALER_MAX:
    "The minimum number of instances that a scaling schedule requires is greater than maxNumReplicas, which caps it.",
  SCHEDULED_INSTANCES_LESS_THAN_AUTOSCALER_MIN:
    "The minimum number of instances that a scaling schedule requires is less than minNumReplicas, so that it has no effect.",
  UNSUPPORTED_MAX_RATE_LOAD_BALANCING_CONFIGURATION:
    "Autoscaling does not work with an HTTP/S load balancer that has been configured for maxRate.",
};
