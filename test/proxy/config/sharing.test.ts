import { describe, expect, test } from "vitest";
import type { Probe } from "#proxy/config/bus-host.ts";
import { SharedProbe } from "#proxy/config/shared-probe.ts";
import { SingleFlight } from "#proxy/config/single-flight.ts";
import { ManualClock, project } from "../fixture.ts";

describe("single flight", () => {
  test("runs once for all who come meanwhile, and again afterwards", async () => {
    const flight = new SingleFlight(new ManualClock(), 1000);
    let runs = 0;
    const work = async (): Promise<void> => void (await Promise.resolve((runs += 1)));
    await Promise.all([flight.run(work), flight.run(work), flight.run(work)]);
    expect(runs).toBe(1);
    await flight.run(work);
    expect(runs).toBe(2);
  });

  test("does not wait for ever for a run that died with its request", async () => {
    const clock = new ManualClock();
    const flight = new SingleFlight(clock, 1000);
    void flight.run(() => new Promise(() => undefined));
    clock.nowMs += 1000;
    let ran = false;
    await flight.run(async () => void (ran = true));
    expect(ran).toBe(true);
  });

  test("a run that fails does not block the next", async () => {
    const flight = new SingleFlight(new ManualClock(), 1000);
    await expect(flight.run(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
    await flight.run(async () => undefined);
  });
});

describe("a shared probe", () => {
  const report = (service: string, generation: number) => ({ service, generation, digest: "d", confirmedAtMs: 0, droppedSpans: 0 });

  function setUp() {
    const clock = new ManualClock();
    const state = { fails: false };
    const asked: string[][] = [];
    const sent: unknown[][] = [];
    const probe: Probe = {
      pointers: async (_, services) => {
        asked.push([...services]);
        if (state.fails) throw new Error("away");
        return {};
      },
      report: async (_, reports) => {
        if (state.fails) throw new Error("away");
        sent.push([...reports]);
      },
    };
    return { clock, state, asked, sent, shared: new SharedProbe(probe, clock, 1000) };
  }

  test("asks once for all, and for itself where it was not asked or it is long ago", async () => {
    const { asked, clock, shared } = setUp();
    await shared.ask(project, ["a", "b"]);
    await shared.pointers(project, ["a"]);
    await shared.pointers(project, ["b"]);
    expect(asked).toEqual([["a", "b"]]);
    await shared.pointers(project, ["c"]);
    clock.nowMs += 1001;
    await shared.pointers(project, ["a"]);
    expect(asked).toEqual([["a", "b"], ["c"], ["a"]]);
  });

  test("passes a failure on to all, without asking again for each", async () => {
    const { asked, shared, state } = setUp();
    state.fails = true;
    await shared.ask(project, ["a"]);
    await expect(shared.pointers(project, ["a"])).rejects.toThrow();
    expect(asked).toHaveLength(1);
  });

  test("sends the newest report of each service, and keeps those that could not be sent", async () => {
    const { sent, shared, state } = setUp();
    state.fails = true;
    await shared.report(project, [report("a", 1), report("b", 1)]);
    await shared.flush(project);
    state.fails = false;
    await shared.report(project, [report("a", 2)]);
    await shared.flush(project);
    await shared.flush(project);
    expect(sent).toHaveLength(1);
    expect(sent[0]?.toSorted((x, y) => JSON.stringify(x).localeCompare(JSON.stringify(y)))).toEqual([report("a", 2), report("b", 1)]);
  });
});
