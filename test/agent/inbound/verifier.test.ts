/** Signatures of the mesh, judged by a VM whose clock may be wrong. */
import { describe, expect, it } from "vitest";
import { Verifier } from "#agent/inbound/verifier.ts";
import { signatureHeader } from "#base/request-signature.ts";
import { authority, key, signedFields } from "./signing.ts";

const nowMs = Date.UTC(2026, 10, 22);
const request = { method: "GET", authority, target: "/a" };

async function verdict(verifier: Verifier, wish: { readonly nowMs: number; readonly key?: string }): Promise<string> {
  const fields = await signedFields(request.target, wish);
  return verifier.verify(request, [fields[signatureHeader] ?? ""]);
}

describe("a verifier", () => {
  it.each([
    [-600_000, "new"],
    [0, "new"],
    [600_000, "new"],
    [-900_000, "clock"],
    [900_000, "clock"],
  ])("whose clock is wrong by %i ms says %s", async (skewMs, said) => {
    const clock = { now: () => nowMs + skewMs };
    expect(await verdict(new Verifier([key], clock), { nowMs })).toBe(said);
  });

  it("goes by the key, however right the time is", async () => {
    const verifier = new Verifier([key], { now: () => nowMs });
    expect(await verdict(verifier, { nowMs, key: "another-key-0123456789abcdef" })).toBe("forged");
    expect(verifier.verify(request, [])).toBe("unsigned");
    expect(verifier.verify(request, ["v1"])).toBe("malformed");
  });
});
