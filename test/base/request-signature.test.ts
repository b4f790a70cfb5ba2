import { createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { seededRandom } from "#base/random.ts";
import { formatSignature, importSigningKey, parseSignature, signedText, signRequest } from "#base/request-signature.ts";

const request = { method: "GET", authority: "cart.shop.mesh", target: "/a?b=c" };
const key = "0123456789abcdef";

describe("a request's signature", () => {
  it("is the HMAC-SHA-256 of the text that anybody can put together", async () => {
    const imported = await importSigningKey(`${key}\r\n`);
    if (!imported) throw new Error("no key");
    const signature = parseSignature(await signRequest(request, { key: imported, nowMs: 1_234_567, random: seededRandom(1) }));
    if (!signature) throw new Error("no signature");
    const text = `wayside-request-v1\n1234\n${signature.nonce}\nGET\ncart.shop.mesh\n/a?b=c`;
    expect(signedText(request, signature)).toBe(text);
    expect(signature).toMatchObject({ timeSec: 1234, mac: createHmac("sha256", key).update(text).digest("hex") });
  });

  it("is another each time", async () => {
    const imported = await importSigningKey(key);
    if (!imported) throw new Error("no key");
    const random = seededRandom(1);
    const sign = () => signRequest(request, { key: imported, nowMs: 0, random });
    expect(await sign()).not.toBe(await sign());
  });

  it("needs a key of 16 bytes", async () => {
    expect(await importSigningKey("0123456789abcde\n")).toBeUndefined();
    expect(await importSigningKey("äöüäöüäö")).toBeDefined();
  });

  it.each([
    "",
    "v1",
    "v2,1,000000000000000000000000," + "0".repeat(64),
    "v1,-1,000000000000000000000000," + "0".repeat(64),
    "v1,1,00," + "0".repeat(64),
  ])("is not %j", (text) => expect(parseSignature(text)).toBeUndefined());

  it("is read as it was written, and nothing else is read", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const signature = parseSignature(text);
        if (signature) expect(formatSignature(signature)).toBe(text);
      }),
    );
  });
});
