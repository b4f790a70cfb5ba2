import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { CircuitBreakers } from "#ir/cluster.ts";
import { Circuit, type Patience } from "#proxy/balance/circuit.ts";
import { cluster } from "../fixture.ts";

function circuitOf(circuitBreakers: CircuitBreakers): Circuit {
  const circuit = new Circuit();
  circuit.configure(cluster("c", [], { circuitBreakers }));
  return circuit;
}

/** Has all the time in the world, until `end`. */
class Waiting implements Patience {
  ended: unknown;
  readonly #ends: (() => void)[] = [];
  sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#ends.push(() => (clearTimeout(timer), resolve()));
    });
  }
  end(): void {
    this.ended = "timeout";
    for (const each of this.#ends) each();
  }
}

describe("requests", () => {
  test("without limits everything has room", () => {
    const circuit = circuitOf({});
    for (let attempt = 0; attempt < 5000; attempt++) expect(circuit.enter()).toBe("room");
    expect([circuit.active, circuit.limit]).toEqual([5000, Infinity]);
  });

  test("what is over maxRequests is refused at once, until one has left", () => {
    const circuit = circuitOf({ maxRequests: 2 });
    expect([circuit.enter(), circuit.enter(), circuit.enter(), circuit.overflows]).toEqual(["room", "room", "overflow", 1]);
    circuit.leave();
    expect([circuit.enter(), circuit.enter(), circuit.active]).toEqual(["room", "overflow", 2]);
  });

  test("a limit that is edited holds from then on", () => {
    const circuit = circuitOf({ maxRequests: 1 });
    circuit.enter();
    circuit.configure(cluster("c", [], { circuitBreakers: { maxRequests: 2 } }));
    expect([circuit.enter(), circuit.enter()]).toEqual(["room", "overflow"]);
    circuit.configure(cluster("c", []));
    expect(circuit.enter()).toBe("room");
  });
});

describe("connections", () => {
  test("what is over maxConnections waits, as many as maxPendingRequests, in turn", async () => {
    const circuit = circuitOf({ maxConnections: 1, maxPendingRequests: 2 });
    const order: string[] = [];
    const wait = (name: string): Promise<unknown> => {
      expect(circuit.enter()).toBe("wait");
      return circuit.waitForRoom(new Waiting()).then((hasRoom) => order.push(`${name} ${hasRoom}`));
    };
    expect(circuit.enter()).toBe("room");
    const waits = [wait("first"), wait("second")];
    expect([circuit.enter(), circuit.pending]).toEqual(["overflow", 2]);
    circuit.leave();
    await waits[0];
    expect([order, circuit.active, circuit.pending]).toEqual([["first true"], 1, 1]);
    // One that comes now does not get in front of the one that waits.
    expect(circuit.enter()).toBe("wait");
    circuit.leave();
    await waits[1];
    expect(order).toEqual(["first true", "second true"]);
  });

  test("whoever has no more time leaves the queue to the next", async () => {
    const circuit = circuitOf({ maxConnections: 1 });
    circuit.enter();
    const patience = new Waiting();
    const first = circuit.waitForRoom(patience);
    const second = circuit.waitForRoom(new Waiting());
    patience.end();
    expect(await first).toBe(false);
    circuit.leave();
    expect(await second).toBe(true);
    expect([circuit.active, circuit.pending]).toEqual([1, 0]);
  });

  test("a configuration that allows more lets those in who wait", async () => {
    const circuit = circuitOf({ maxConnections: 1 });
    circuit.enter();
    const waits = [circuit.waitForRoom(new Waiting()), circuit.waitForRoom(new Waiting())];
    circuit.configure(cluster("c", [], { circuitBreakers: { maxConnections: 3 } }));
    expect(await Promise.all(waits)).toEqual([true, true]);
    expect(circuit.active).toBe(3);
  });

  test("maxRequests is no queue, whatever maxConnections is", () => {
    const circuit = circuitOf({ maxConnections: 5, maxRequests: 1 });
    expect([circuit.enter(), circuit.enter()]).toEqual(["room", "overflow"]);
  });
});

test("never more under way than the limit, and everybody who waits gets in or gives up", async () => {
  const step = fc.constantFrom("enter", "leave", "giveUp");
  const limits = fc.record({ maxConnections: fc.integer({ min: 1, max: 4 }), maxPendingRequests: fc.integer({ min: 0, max: 4 }) });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), limits, async (steps, breakers) => {
      const circuit = circuitOf(breakers);
      let active = 0;
      const waiting: Waiting[] = [];
      const waits: Promise<unknown>[] = [];
      for (const each of steps) {
        if (each === "leave" && active > 0) {
          circuit.leave();
          active -= 1;
        } else if (each === "giveUp") waiting.shift()?.end();
        else if (each === "enter") {
          const entry = circuit.enter();
          if (entry === "room") active += 1;
          else if (entry === "wait") {
            const patience = new Waiting();
            waiting.push(patience);
            waits.push(circuit.waitForRoom(patience).then((hasRoom) => (active += hasRoom ? 1 : 0)));
          }
        }
        await new Promise((resolve) => setImmediate(resolve));
        expect(circuit.active).toBe(active);
        expect(active).toBeLessThanOrEqual(breakers.maxConnections);
        expect(circuit.pending).toBeLessThanOrEqual(breakers.maxPendingRequests);
        if (circuit.pending > 0) expect(active).toBe(breakers.maxConnections);
      }
      for (const each of waiting) each.end();
      await Promise.all(waits);
      expect(circuit.pending).toBe(0);
    }),
    { numRuns: 50 },
  );
});
