import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { RetryCondition } from "#ir/route.ts";
import { isRetriable, type Outcome } from "#proxy/upstream/retry.ts";

interface Vector {
  readonly name: string;
  readonly request?: Readonly<Record<string, string>>;
  readonly retryOn?: string;
  readonly grpc?: string;
  readonly status?: string;
  readonly grpcStatus?: string;
  readonly response?: Readonly<Record<string, string>>;
  readonly reset?: string;
  readonly retry: boolean;
}

const file = new URL("../../../shared/conformance/envoy-retry.json", import.meta.url);
const vectors: Vector[] = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as { vectors: Vector[] }).vectors : [];

/** Conditions that Google's `retryConditions` do not have. */
const foreign = /^(envoy-ratelimited|retriable-headers|retriable-status-codes)$/;
const failures = {
  "refused-stream": "refused-stream",
  "local-overflow": "overflow",
  "remote-reset": "reset",
  "connect-failure": "connect-failure",
} as const;

function conditionsOf({ retryOn, grpc, request }: Vector): string[] {
  return [retryOn, grpc, request?.["x-envoy-retry-on"], request?.["x-envoy-retry-grpc-on"]].flatMap((list) => list?.split(",") ?? []);
}

function outcomeOf({ reset, response, status, grpcStatus }: Vector): Outcome {
  if (reset !== undefined) return { kind: "failure", failure: failures[reset as keyof typeof failures] };
  const headers = new Headers(Object.entries(response ?? {}).filter(([name]) => !name.startsWith(":")));
  if (grpcStatus !== undefined) headers.set("grpc-status", grpcStatus);
  return { kind: "response", status: Number(status ?? response?.[":status"] ?? 200), headers };
}

const applicable = vectors.filter((vector) => !conditionsOf(vector).some((condition) => foreign.test(condition)));

describe.skipIf(vectors.length === 0)(`Envoy's retry conditions (${file.pathname})`, () => {
  test("are there, all but the six of conditions that Google does not have", () =>
    expect([applicable.length, vectors.length - applicable.length]).toEqual([27, 6]));

  test.each(applicable.map((vector) => [vector.name, vector] as const))("%s", (_, vector) => {
    const conditions = conditionsOf(vector) as RetryCondition[];
    for (const method of ["GET", "POST"]) expect(isRetriable(conditions, outcomeOf(vector), method)).toBe(vector.retry);
  });
});
