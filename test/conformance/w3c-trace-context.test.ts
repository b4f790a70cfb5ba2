import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { seededRandom } from "#base/random.ts";
import { childOf, newSpanId, traceOf } from "#telemetry/span.ts";
import { formatTraceparent } from "#telemetry/traceparent.ts";

interface Vector {
  readonly test: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly callbacks: number;
  readonly expect: { readonly traceId: "new" | "inherited"; readonly tracestate: string | null; readonly flagsMustHaveBits?: string };
}

const file = new URL("../../../shared/conformance/w3c-trace-context.json", import.meta.url);
const vectors: Vector[] = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as { vectors: Vector[] }).vectors : [];

describe.skipIf(vectors.length === 0)(`the official harness of W3C Trace Context, level 2 (${file.pathname})`, () => {
  test("is there whole", () => expect(vectors).toHaveLength(83));

  test.each(vectors.map((vector, index) => [`${index} ${vector.test}`, vector] as const))("%s", (_, vector) => {
    const random = seededRandom(7);
    // As a Worker gets them: Headers joins what was given twice, and trims.
    const headers = new Headers();
    for (const [name, value] of vector.headers) headers.append(name, value);
    const seen = new Set<string>();
    for (let call = 0; call < vector.callbacks; call++) {
      const trace = traceOf(headers, 1, random);
      const [version, traceId, parentId, flags = ""] = formatTraceparent(childOf(trace, newSpanId(random))).split("-");
      expect(version).toBe("00");
      expect(traceId).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
      expect(parentId).toMatch(/^(?!0{16})[0-9a-f]{16}$/);
      const sent = vector.headers.map(([, value]) => value).join(" ");
      if (vector.expect.traceId === "inherited") expect(sent).toContain(traceId);
      else expect(sent).not.toContain(traceId);
      expect(sent).not.toContain(parentId);
      expect(seen).not.toContain(parentId);
      seen.add(parentId ?? "");
      expect(trace.traceState ?? null).toBe(vector.expect.tracestate);
      const bits = Number.parseInt(vector.expect.flagsMustHaveBits ?? "00", 16);
      expect(Number.parseInt(flags, 16) & bits).toBe(bits);
    }
  });
});
