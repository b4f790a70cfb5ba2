import { describe, expect, test } from "vitest";
import { cpusOf } from "#instances/scale/machine-type.ts";
import { addCpuSample, addSignals, cpusInUse, freshSamples, noSamples, type Samples } from "#instances/scale/samples.ts";

const taken = (samples: readonly (readonly [atMs: number, cpuSeconds: number])[]): Samples =>
  samples.reduce((all, [atMs, cpuSeconds]) => addCpuSample(all, { id: "1", atMs, cpuSeconds }), noSamples);
const inUse = (samples: readonly (readonly [number, number])[]) => cpusInUse(taken(samples).cpu.get("1") ?? []);

describe("CPUs in use", () => {
  test.each<[string, readonly (readonly [number, number])[], number | undefined]>([
    ["not before the second sample", [[0, 5]], undefined],
    [
      "growth over time",
      [
        [0, 5],
        [5_000, 10],
      ],
      1,
    ],
    [
      "over the last ten seconds",
      [
        [0, 0],
        [5_000, 0],
        [10_000, 5],
        [15_000, 10],
      ],
      1,
    ],
    [
      "the same sample again is none",
      [
        [0, 0],
        [5_000, 5],
        [5_000, 9],
      ],
      1,
    ],
    [
      "an older sample is none",
      [
        [0, 0],
        [5_000, 5],
        [4_000, 9],
      ],
      1,
    ],
    [
      "a count that begins anew",
      [
        [0, 100],
        [5_000, 1],
        [10_000, 6],
      ],
      1,
    ],
    [
      "nothing used",
      [
        [0, 3],
        [5_000, 3],
      ],
      0,
    ],
  ])("%s", (_, samples, expected) => {
    expect(inUse(samples)).toBe(expected);
  });

  test("a window's samples are kept and no more", () => {
    const many = Array.from({ length: 1_000 }, (_, index) => [index * 1_000, index] as const);
    expect(taken(many).cpu.get("1")?.length).toBeLessThanOrEqual(12);
  });
});

describe("what is kept", () => {
  const point = { metric: "m", metricLabels: {}, kind: "GAUGE", resourceType: "r", resourceLabels: {}, value: 1 } as const;

  test("is of instances that there are, and fresh", () => {
    const samples = addSignals(
      taken([[0, 1]]),
      {
        loads: [{ backendService: "b", requestsPerSecond: 1 }],
        points: [
          { ...point, endMs: 0, instanceId: "1" },
          { ...point, endMs: 0 },
        ],
      },
      0,
    );
    expect(freshSamples(samples, new Set(["1"]), 60_000)).toBe(samples);
    const later = freshSamples(samples, new Set<string>(), 60_001);
    expect([later.cpu.size, later.loads.size, later.series.size]).toEqual([0, 0, 1]);
    expect(freshSamples(samples, new Set(["1"]), 300_001).series.size).toBe(0);
  });

  test("is no more than so many series, the longest silent going first", () => {
    let samples = noSamples;
    for (let index = 0; index < 5_010; index++) {
      samples = addSignals(samples, { points: [{ ...point, endMs: 1, metricLabels: { n: String(index) } }] }, index);
    }
    expect(samples.series.size).toBe(5_000);
    expect([...samples.series.values()][0]?.last.metricLabels["n"]).toBe("10");
  });
});

test.each([
  ["n1-standard-4", 4],
  ["e2-highcpu-16", 16],
  ["zones/us-central1-a/machineTypes/n2-standard-2", 2],
  ["c3-standard-8-lssd", 8],
  ["e2-custom-6-8192", 6],
  ["custom-2-4096", 2],
  ["n2d-custom-12-16384-ext", 12],
  ["e2-micro", 1],
  ["e2-medium", 1],
  ["", 1],
  ["none", 1],
])("%j has %d CPUs", (machineType, cpus) => {
  expect(cpusOf(machineType)).toBe(cpus);
});
