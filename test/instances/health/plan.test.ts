import { describe, expect, test } from "vitest";
import { seededRandom } from "#base/random.ts";
import type { HealthState } from "#instances/group/spec.ts";
import { dueAt, firstProbe, healthAfter, nextProbeAt } from "#instances/health/plan.ts";
import type { ProbeOutcome } from "#instances/health/plan.ts";
import { httpProbe } from "../group/specs.ts";

const outcomes: Readonly<Record<string, ProbeOutcome>> = {
  "+": { ok: true },
  "-": { ok: false, reached: true, why: "status 500" },
  "!": { ok: false, reached: false, why: "no answer" },
};

/** Health after each of a row of probes that follow at `everyMs`. `+` success, `-` wrong answer, `!` no answer. */
function healthRow(start: HealthState, row: string, timing: readonly [everyMs: number, healthy: number, unhealthy: number]): string {
  const [everyMs, healthyThreshold, unhealthyThreshold] = timing;
  const spec = { ...httpProbe, healthyThreshold, unhealthyThreshold };
  let health = start;
  let record = firstProbe(0);
  const seen = row.split("").map((sign, index) => {
    const outcome = outcomes[sign];
    if (!outcome) throw new Error(`no outcome ${sign}`);
    const after = healthAfter({ health, record, spec, result: { startedAtMs: index * everyMs, outcome } });
    health = after.health;
    record = { ...record, against: after.against };
    return health === "UNKNOWN" ? "?" : health.charAt(0);
  });
  return seen.join("");
}

describe("health after a row of probes, by first letters, ? for UNKNOWN", () => {
  test.each<[string, HealthState, string, number, [number, number], string]>([
    ["a first success makes it healthy at once", "UNKNOWN", "+", 1000, [2, 2], "H"],
    ["so does one after failures while it starts", "UNKNOWN", "--!+", 1000, [2, 2], "???H"],
    ["one failure is not enough", "HEALTHY", "-", 5000, [2, 2], "H"],
    ["two failures in a row are, at a threshold of two", "HEALTHY", "--", 5000, [2, 2], "HU"],
    ["a success in between starts the count anew", "HEALTHY", "-+-+-", 5000, [2, 2], "HHHHH"],
    ["three at a threshold of three", "HEALTHY", "---", 5000, [2, 3], "HHU"],
    ["one at a threshold of one", "HEALTHY", "-", 5000, [2, 1], "U"],
    ["no answer is a timeout", "HEALTHY", "!!", 5000, [2, 2], "HT"],
    ["the last failure names the state", "HEALTHY", "-!", 5000, [2, 2], "HT"],
    ["and a later one renames it", "HEALTHY", "!!-", 5000, [2, 2], "HTU"],
    ["an unhealthy one needs the healthy threshold", "UNHEALTHY", "+", 5000, [2, 2], "U"],
    ["and has it after two", "UNHEALTHY", "++", 5000, [2, 2], "UH"],
    ["a failure in between starts the count anew", "UNHEALTHY", "+-++", 5000, [2, 2], "UUUH"],
    ["the same from a timeout", "TIMEOUT", "!++", 5000, [2, 2], "TTH"],
    ["at a threshold of one a success is enough", "TIMEOUT", "+", 5000, [1, 2], "H"],
    ["a failing start counts whole intervals, not fast probes", "UNKNOWN", "!!!!!!!!!!!", 1000, [2, 2], "??????????T"],
    ["with a threshold of one it lasts one interval", "UNKNOWN", "!!!!!!", 1000, [2, 1], "?????T"],
    ["few probes do not stand for many", "UNKNOWN", "!!!", 100_000, [2, 3], "??T"],
  ])("%s", (_, ...[start, row, everyMs, thresholds, expected]) => {
    expect(healthRow(start, row, [everyMs, ...thresholds])).toBe(expected);
  });

  test("a failing start ends as UNHEALTHY when something answers", () => {
    const record = { nextAtMs: 0, firstAtMs: 0, against: 9 };
    const result = { startedAtMs: 10_000, outcome: { ok: false, reached: true, why: "status 500" } } as const;
    expect(healthAfter({ health: "UNKNOWN", record, spec: httpProbe, result }).health).toBe("UNHEALTHY");
  });
});

describe("the next probe", () => {
  const at = (health: HealthState, intervalMs: number, now: number): number =>
    nextProbeAt({ health, spec: { ...httpProbe, intervalMs }, startedAtMs: 1000, now, random: seededRandom(5) });

  test.each<[string, HealthState, number, number, number]>([
    ["follows after an interval, give or take a twentieth", "HEALTHY", 5000, 5750, 6250],
    ["the same when unhealthy", "UNHEALTHY", 5000, 5750, 6250],
    ["soon while nothing is known", "UNKNOWN", 5000, 1950, 2050],
    ["never slower than the interval", "UNKNOWN", 300, 1285, 1315],
  ])("%s", (_, ...[health, intervalMs, earliest, latest]) => {
    const next = at(health, intervalMs, 1000);
    expect(next).toBeGreaterThanOrEqual(earliest);
    expect(next).toBeLessThanOrEqual(latest);
  });

  test("is due at once when the last one took longer than the interval", () => {
    expect(at("HEALTHY", 5000, 60_000)).toBe(60_000);
  });

  test("does not march in step with its neighbours", () => {
    const random = seededRandom(9);
    const times = Array.from({ length: 20 }, () => nextProbeAt({ health: "HEALTHY", spec: httpProbe, startedAtMs: 0, now: 0, random }));
    expect(new Set(times).size).toBeGreaterThan(15);
  });

  test("is due now when the clock was put back", () => {
    expect(dueAt({ nextAtMs: 1_000_000, firstAtMs: 0, against: 0 }, httpProbe, 50)).toBe(50);
    expect(dueAt({ nextAtMs: 5050, firstAtMs: 0, against: 0 }, httpProbe, 50)).toBe(5050);
  });
});
