import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { importMasterKey, seal, unseal, UnsealError } from "#base/seal.ts";

const master = await importMasterKey(btoa("k".repeat(32)));
const other = await importMasterKey(btoa("o".repeat(32)));
const id = { project: "demo", name: "pay-token", version: 3 };
const bytes = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(new TextEncoder().encode(text));

describe("a sealed secret", () => {
  test("opens to what was sealed, whatever the bytes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 2048 }), async (plaintext) => {
        const sealed = await seal(master, id, new Uint8Array(plaintext));
        expect(await unseal(master, id, sealed)).toEqual(new Uint8Array(plaintext));
      }),
      { numRuns: 50 },
    );
  });

  test("shows nothing of its plaintext and never looks the same twice", async () => {
    const plaintext = "s3cr3t-canary";
    const [first, second] = [await seal(master, id, bytes(plaintext)), await seal(master, id, bytes(plaintext))];
    expect(new TextDecoder("latin1").decode(first)).not.toContain(plaintext);
    expect(first).not.toEqual(second);
  });

  test.each([
    ["another name", { ...id, name: "pay-tokem" }],
    ["another version", { ...id, version: 4 }],
    ["another project", { ...id, project: "demo2" }],
  ])("does not open under %s", async (_, moved) => {
    const sealed = await seal(master, id, bytes("x"));
    await expect(unseal(master, moved, sealed)).rejects.toThrow(UnsealError);
  });

  test("does not open with another master key, and says so", async () => {
    const sealed = await seal(master, id, bytes("x"));
    await expect(unseal(other, id, sealed)).rejects.toThrow("another master key");
  });

  test("does not open when any one byte is changed or cut off", async () => {
    const sealed = await seal(master, id, bytes("twelve bytes"));
    for (let index = 0; index < sealed.length; index++) {
      const damaged = sealed.slice();
      damaged[index] = (damaged[index] ?? 0) ^ 0x01;
      await expect(unseal(master, id, damaged), `byte ${index}`).rejects.toThrow(UnsealError);
      await expect(unseal(master, id, sealed.slice(0, index)), `length ${index}`).rejects.toThrow(UnsealError);
    }
  });

  test("has an unambiguous owner", async () => {
    await expect(seal(master, { project: "a|b", name: "c", version: 1 }, bytes("x"))).rejects.toThrow(TypeError);
  });
});

test.each(["", "not base64!", btoa("k".repeat(31)), btoa("k".repeat(33))])("%j is no master key, and is not quoted", async (text) => {
  await expect(importMasterKey(text)).rejects.toThrow("exactly 32 random bytes");
});
