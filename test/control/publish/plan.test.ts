import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backoffMs, planPublish, pointerSpacingMs, type Publication, type PublishState } from "#control/publish/plan.ts";

const now = 1_000_000;

function publication(fields: Partial<Publication> = {}): Publication {
  return {
    service: "cart",
    generation: 2,
    storedGeneration: 1,
    pointedGeneration: 1,
    snapshotWrittenAtMs: 0,
    pointerWrittenAtMs: 0,
    attempts: 0,
    notBeforeMs: 0,
    waitsForSecret: false,
    ...fields,
  };
}

function state(fields: Partial<PublishState> = {}): PublishState {
  return { publications: [], secretWrites: [], garbage: [], directory: "@mesh", ...fields };
}

describe("planPublish", () => {
  const cases: { name: string; state: PublishState; actions: unknown[]; wakeAtMs?: number }[] = [
    { name: "nothing to do", state: state(), actions: [] },
    { name: "a new generation", state: state({ publications: [publication()] }), actions: [{ kind: "snapshot", service: "cart" }] },
    {
      name: "a stored snapshot gets its pointer",
      state: state({ publications: [publication({ storedGeneration: 2 })] }),
      actions: [{ kind: "pointer", service: "cart" }],
    },
    {
      name: "the pointer of an older snapshot goes out while a newer one is on its way",
      state: state({ publications: [publication({ generation: 3, storedGeneration: 2 })] }),
      actions: [
        { kind: "snapshot", service: "cart" },
        { kind: "pointer", service: "cart" },
      ],
    },
    {
      name: "a pointer written a moment ago waits out its second",
      state: state({ publications: [publication({ storedGeneration: 2, pointerWrittenAtMs: now - 400 })] }),
      actions: [],
      wakeAtMs: now + 600,
    },
    {
      name: "snapshots of a storm are spaced",
      state: state({ publications: [publication({ snapshotWrittenAtMs: now - 50 })] }),
      actions: [],
      wakeAtMs: now + 150,
    },
    {
      name: "after a failure it waits out its backoff",
      state: state({ publications: [publication({ attempts: 3, notBeforeMs: now + 5_000 })] }),
      actions: [],
      wakeAtMs: now + 5_000,
    },
    {
      name: "a snapshot waits for a secret that it names, which goes first",
      state: state({
        publications: [publication({ waitsForSecret: true })],
        secretWrites: [{ name: "key", version: 2, operation: "put", notBeforeMs: 0 }],
      }),
      actions: [{ kind: "putSecret", name: "key", version: 2 }],
    },
    {
      name: "secrets are taken out after what replaces them is in",
      state: state({
        publications: [publication()],
        secretWrites: [{ name: "key", version: 1, operation: "delete", notBeforeMs: 0 }],
      }),
      actions: [
        { kind: "snapshot", service: "cart" },
        { kind: "deleteSecret", name: "key", version: 1 },
      ],
    },
    {
      name: "the directory waits for the first snapshot of a new service",
      state: state({
        publications: [publication({ service: "@mesh" }), publication({ storedGeneration: 0, pointedGeneration: 0, generation: 1 })],
      }),
      actions: [{ kind: "snapshot", service: "cart" }],
    },
    {
      name: "but not for one that fails",
      state: state({
        publications: [publication({ service: "@mesh" }), publication({ storedGeneration: 0, attempts: 1, notBeforeMs: now + 250 })],
      }),
      actions: [{ kind: "snapshot", service: "@mesh" }],
      wakeAtMs: now + 250,
    },
    {
      name: "garbage is collected when its time has come",
      state: state({
        garbage: [
          { key: "old", collectAfterMs: now },
          { key: "older yet needed", collectAfterMs: now + 7 },
        ],
      }),
      actions: [{ kind: "collect", key: "old" }],
      wakeAtMs: now + 7,
    },
  ];
  it.each(cases)("$name", ({ state, actions, wakeAtMs }) => {
    expect(planPublish(state, now)).toEqual({ actions, ...(wakeAtMs !== undefined && { wakeAtMs }) });
  });

  it("writes a pointer at most once a second, misses no last edit, and stores far fewer snapshots than edits, whatever comes when", () => {
    const edits = fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 500 });
    fc.assert(
      fc.property(edits, fc.boolean(), (gaps, kvFails) => {
        let one = publication({ generation: 0, storedGeneration: 0, pointedGeneration: 0 });
        const pointerWrites: number[] = [];
        let snapshotWrites = 0;
        let clock = now;
        const carryOut = (): number | undefined => {
          for (;;) {
            const plan = planPublish(state({ publications: one.pointedGeneration < one.generation ? [one] : [] }), clock);
            if (plan.actions.length === 0) return plan.wakeAtMs;
            for (const action of plan.actions) {
              const fails = kvFails && clock < now + 2_000;
              if (action.kind === "pointer") {
                pointerWrites.push(clock);
                one = { ...one, pointerWrittenAtMs: clock };
              } else snapshotWrites += 1;
              if (fails) one = { ...one, attempts: one.attempts + 1, notBeforeMs: clock + backoffMs(one.attempts + 1, 0.5) };
              else if (action.kind === "snapshot")
                one = { ...one, attempts: 0, notBeforeMs: 0, storedGeneration: one.generation, snapshotWrittenAtMs: clock };
              else one = { ...one, attempts: 0, notBeforeMs: 0, pointedGeneration: one.storedGeneration };
            }
          }
        };
        const edit = (): void => {
          one = { ...one, generation: one.generation + 1 };
        };
        let wake: number | undefined;
        for (const gap of gaps) {
          const next = clock + gap;
          while (wake !== undefined && wake < next) {
            clock = wake;
            wake = carryOut();
          }
          clock = next;
          edit();
          wake = carryOut();
        }
        while (wake !== undefined) {
          clock = wake;
          wake = carryOut();
        }
        expect(one.pointedGeneration).toBe(gaps.length);
        for (const [index, at] of pointerWrites.entries()) {
          const before = pointerWrites[index - 1];
          if (before !== undefined) expect(at - before).toBeGreaterThanOrEqual(pointerSpacingMs);
        }
        if (!kvFails) expect(snapshotWrites).toBeLessThanOrEqual(2 + (clock - now) / 200);
      }),
      { numRuns: 60 },
    );
  });
});

describe("backoffMs", () => {
  it("doubles from a quarter of a second to half a minute, at least half of it certain", () => {
    expect([1, 2, 3, 8, 9, 1e9].map((attempts) => backoffMs(attempts, 1))).toEqual([250, 500, 1_000, 30_000, 30_000, 30_000]);
    expect(backoffMs(1, 0)).toBe(125);
  });
});
