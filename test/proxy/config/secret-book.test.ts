/** Secrets as keys of signatures; how they are loaded is the keeper's tests' matter. */
import { describe, expect, test } from "vitest";
import { SecretBook } from "#proxy/config/secret-book.ts";
import { ManualClock } from "../fixture.ts";

const versions = ["", "0123456789abcdef", "too short"];
const source = { host: { secret: async (_: string, version: number) => versions[version] ?? null }, clock: new ManualClock() };
const load = (version: number | null, previous?: SecretBook) => SecretBook.load([{ name: "token", version }], previous, source);

describe("a secret's signing key", () => {
  test("is imported once for each version", async () => {
    const book = await load(1);
    const key = await book.signingKey("token");
    expect(key).toBeDefined();
    expect(await book.signingKey("token")).toBe(key);
    expect(await (await load(1, book)).signingKey("token")).toBe(key);
  });

  test("is none of a secret that is too short, unavailable or not in the book", async () => {
    expect(await (await load(2)).signingKey("token")).toBeUndefined();
    expect(await (await load(null)).signingKey("token")).toBeUndefined();
    expect(await (await load(1)).signingKey("other")).toBeUndefined();
  });
});
