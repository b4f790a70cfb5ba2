import { describe, expect, it } from "vitest";
import { UserError } from "#base/errors.ts";
import { changeFaults, noFaults } from "#dev/faults/faults.ts";

describe("changeFaults", () => {
  it("changes what is named and nothing else", () => {
    const once = changeFaults(noFaults, { kv: { failReads: true, latencyMs: 20 } });
    expect(once).toEqual({ ...noFaults, kv: { ...noFaults.kv, failReads: true, latencyMs: 20 } });
    const twice = changeFaults(once, { kv: { failReads: false }, control: { fail: true } });
    expect(twice).toEqual({ kv: { ...noFaults.kv, latencyMs: 20 }, control: { fail: true, latencyMs: 0 } });
    expect(changeFaults(twice, {})).toEqual(twice);
  });

  it.each([
    [[], ["The body must be a JSON object"]],
    [null, ["The body must be a JSON object"]],
    [{ kv: true }, ["'kv' must be an object"]],
    [{ dns: {} }, ["'dns' is unknown"]],
    [
      { kv: { failReads: 1, slow: true }, control: { latencyMs: -1 } },
      ["'kv.failReads' must be a boolean", "'kv.slow' is unknown", "'control.latencyMs' must be from 0"],
    ],
    [{ kv: { staleMs: 1e12 } }, ["'kv.staleMs' must be from 0 to 3600000"]],
    [JSON.parse('{"kv":{"__proto__":{"failReads":true}}}'), ["'kv.__proto__' is unknown"]],
  ])("refuses %j with every mistake in it", (body, messages) => {
    expect.assertions(1 + messages.length);
    try {
      changeFaults(noFaults, body);
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(UserError);
      for (const [index, message] of messages.entries()) expect((thrown as UserError).faults[index]?.message).toContain(message);
    }
  });
});
