/** Names of the mesh: learned, kept, never the whole world. */
import { describe, expect, it } from "vitest";
import { MeshNames } from "#agent/outbound/mesh-names.ts";

async function namesOf(...patterns: string[]): Promise<MeshNames> {
  const names = new MeshNames({ learn: async () => patterns });
  await names.refresh();
  return names;
}

describe("names of the mesh", () => {
  it("are exact ones, suffixes, and those of one port", async () => {
    const names = await namesOf("Cart.shop.mesh", "*.api.mesh", "*-dev.mesh", "pay.mesh:8080");
    expect(["cart.shop.mesh", "a.api.mesh", "a.b.api.mesh", "x-dev.mesh"].map((host) => names.has(host))).toEqual([true, true, true, true]);
    expect(["api.mesh", ".api.mesh", "-dev.mesh", "shop.mesh", "pay.mesh"].map((host) => names.has(host))).toEqual([
      false,
      false,
      false,
      false,
      false,
    ]);
    expect([names.has("pay.mesh", 8080), names.has("pay.mesh", 80), names.has("cart.shop.mesh", 99)]).toEqual([true, false, true]);
  });

  it("are never all names, and never addresses", async () => {
    const names = await namesOf("*", "10.0.0.1", "[::1]");
    expect(["example.com", "10.0.0.1", "::1"].map((host) => names.has(host))).toEqual([false, false, false]);
  });

  it("are kept while the control plane is away, and follow it when it is back", async () => {
    let answer: readonly string[] | undefined = ["a.mesh"];
    const names = new MeshNames({ learn: () => (answer ? Promise.resolve(answer) : Promise.reject(new Error("away"))) });
    await names.refresh();
    answer = undefined;
    await names.refresh();
    expect(names.has("a.mesh")).toBe(true);
    answer = ["b.mesh"];
    await names.refresh();
    expect([names.has("a.mesh"), names.has("b.mesh")]).toEqual([false, true]);
  });

  it("of nobody who answers are none, without an error, and are known when somebody did", async () => {
    let answer: readonly string[] | undefined;
    const names = new MeshNames({ learn: () => (answer ? Promise.resolve(answer) : Promise.reject(new Error("away"))) });
    await names.start();
    names.stop();
    expect([names.has("a.mesh"), names.isKnown]).toEqual([false, false]);
    answer = [];
    await names.refresh();
    expect(names.isKnown).toBe(true);
  });
});
