import fc from "fast-check";
import { expect, test } from "vitest";
import type { AutoscalingSpec, ScaleInControl } from "#instances/scale/spec.ts";
import { policy, ScaledWorld } from "./groups.ts";

const scaleIn: fc.Arbitrary<ScaleInControl> = fc.record({
  most: fc.oneof(fc.record({ fixed: fc.nat(5) }), fc.record({ percent: fc.nat(100) })),
  windowMs: fc.integer({ min: 60_000, max: 600_000 }),
});

const specs: fc.Arbitrary<AutoscalingSpec> = fc
  .record({
    min: fc.nat(6),
    more: fc.nat(20),
    target: fc.constantFrom(0.3, 0.5, 0.6, 0.8),
    stabilizationMs: fc.constantFrom(0, 60_000, 600_000),
    control: fc.option(scaleIn, { nil: undefined }),
  })
  .map(({ min, more, target, stabilizationMs, control }) =>
    policy({ min, max: min + more, cpu: { target }, stabilizationMs, ...(control && { scaleIn: control }) }),
  );

/** CPUs that are asked for, each for some time. */
const loads = fc.array(fc.record({ cpus: fc.double({ min: 0, max: 15, noNaN: true }), steps: fc.integer({ min: 1, max: 60 }) }), {
  minLength: 1,
  maxLength: 8,
});

interface Load {
  readonly cpus: number;
  readonly steps: number;
}

interface Moment {
  readonly atMs: number;
  readonly size: number;
}

function sizesOver(spec: AutoscalingSpec, given: readonly Load[], inMoment: (world: ScaledWorld) => void): void {
  const world = new ScaledWorld(Math.max(1, spec.min), spec);
  for (const { cpus, steps } of given) {
    world.use = (_index, size) => cpus / size;
    for (let step = 0; step < steps; step++) {
      world.pass(5_000);
      inMoment(world);
    }
  }
}

test("the size is never outside of minimum and maximum", () => {
  fc.assert(
    fc.property(specs, loads, (spec, given) => {
      sizesOver(spec, given, ({ size }) => {
        expect(size).toBeGreaterThanOrEqual(spec.min);
        expect(size).toBeLessThanOrEqual(Math.max(1, spec.max));
      });
    }),
    { numRuns: 100 },
  );
});

test("a group never loses more within the window than the control allows", () => {
  fc.assert(
    fc.property(specs, scaleIn, loads, (spec, control, given) => {
      const history: Moment[] = [];
      sizesOver({ ...spec, min: 1, max: 30, scaleIn: control }, given, ({ size, now }) => {
        history.push({ atMs: now, size });
        const peak = Math.max(...history.filter(({ atMs }) => atMs > now - control.windowMs).map((moment) => moment.size));
        const allowed = "fixed" in control.most ? control.most.fixed : Math.ceil((peak * control.most.percent) / 100);
        expect(size).toBeGreaterThanOrEqual(peak - allowed);
      });
    }),
    { numRuns: 100 },
  );
});

test("a constant load is met in one step, and no size is left again", () => {
  fc.assert(
    fc.property(fc.double({ min: 0.1, max: 12, noNaN: true }), fc.integer({ min: 1, max: 5 }), (cpus, size) => {
      const world = new ScaledWorld(size, policy({ cpu: { target: 0.5 }, max: 30 }));
      world.use = (_index, count) => cpus / count;
      world.pass(9 * 60_000);
      const needed = Math.ceil(cpus / 0.5 - 1e-9);
      expect(world.sizes).toEqual(needed > size ? [size, needed] : [size]);
    }),
    { numRuns: 200 },
  );
});
