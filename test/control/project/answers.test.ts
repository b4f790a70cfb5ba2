/** What a project answers about itself. */
import { describe, expect, it } from "vitest";
import { cart, shop, World } from "./harness.ts";

describe("status, explain and audit", () => {
  const wayside = (world: World, verb: string, body?: Record<string, string>) =>
    world.run({ collection: "wayside", scope: "", verb, ...(body && { body }) });

  it("shows wanted and applied generations and the age of each proxy, also after a restart", async () => {
    const world = await shop();
    const { generation, digest } = world.pointer(cart) ?? { generation: 0, digest: "" };
    const wanted = { service: cart, wantedGeneration: generation, wantedDigest: digest };
    expect((await wayside(world, "status")).body).toMatchObject({ proxies: [{ ...wanted, state: "NEVER" }] });
    world.project.report([{ service: cart, generation, digest, confirmedAtMs: world.now, droppedSpans: 3 }]);
    world.now += 4_200;
    const synced = { ...wanted, appliedGeneration: generation, appliedDigest: digest, state: "SYNCED", ageSeconds: 4.2, droppedSpans: 3 };
    expect((await wayside(world, "status")).body).toMatchObject({ proxies: [synced] });
    expect((await wayside(new World({ before: world }), "status")).body).toMatchObject({ proxies: [synced] });
  });

  it("shows each proxy of a service, and those that are gone no more", async () => {
    const world = await shop();
    const { generation, digest } = world.pointer(cart) ?? { generation: 0, digest: "" };
    const report = (proxy: string) => ({ service: cart, proxy, generation, digest, confirmedAtMs: world.now, droppedSpans: 0 });
    const shown = async (): Promise<unknown> => {
      const { proxies } = (await wayside(world, "status")).body as { proxies: { service: string; proxy: string; state: string }[] };
      return proxies.map(({ service, proxy, state }) => [service, proxy, state]);
    };
    world.project.report([report("a"), { ...report("b"), generation: 0, rejection: { generation, reason: "regex" }, warnings: ["w"] }]);
    expect((await wayside(world, "status")).body).toMatchObject({ proxies: [{ proxy: "b", warnings: ["w"] }, { proxy: "a" }] });
    expect(await shown()).toEqual([
      [cart, "b", "REJECTED"],
      [cart, "a", "SYNCED"],
    ]);
    world.now += 50_000;
    world.project.report([report("c")]);
    expect(await shown()).toEqual([
      [cart, "c", "SYNCED"],
      [cart, "b", "REJECTED"],
      [cart, "a", "STALE"],
    ]);
    world.now += 11_000;
    expect(await shown()).toEqual([[cart, "c", "SYNCED"]]);
  });

  it("says what is stored and not done, as long as it is so, also after a restart", async () => {
    const world = await shop();
    const warnings = async (of: World): Promise<unknown> => ((await wayside(of, "status")).body as { warnings: unknown }).warnings;
    expect(await warnings(world)).toEqual([]);
    await world.run({ collection: "backendServices", verb: "patch", name: "cart", body: { securityPolicy: "global/securityPolicies/x" } });
    await world.run({
      collection: "tcpRoutes",
      verb: "insert",
      scope: "locations/global",
      query: { tcpRouteId: "t" },
      body: { rules: [{ action: { originalDestination: true } }] },
    });
    const told = [
      { text: "backendServices/cart.securityPolicy is stored; it has no effect on traffic", services: [cart] },
      { text: "tcpRoutes/t is stored; it has no effect on traffic", services: [] },
    ];
    expect(await warnings(world)).toEqual(told);
    expect(await warnings(new World({ before: world }))).toEqual(told);
    await world.run({ collection: "backendServices", verb: "patch", name: "cart", body: { securityPolicy: null } });
    await world.run({ collection: "tcpRoutes", verb: "delete", name: "t", scope: "locations/global" });
    expect(await warnings(world)).toEqual([]);
  });

  it("knows the digest of a generation that is not in KV yet", async () => {
    const world = new World();
    world.kv.hanging = true;
    await world.createShop();
    const before = (await wayside(world, "status")).body as { proxies: { wantedDigest: string }[] };
    const after = new World({ before: world });
    await after.pass(2_000);
    expect(before.proxies[0]?.wantedDigest).toBe(after.pointer(cart)?.digest);
  });

  it("explains a request by the newest configuration", async () => {
    const world = await shop();
    const explained = await wayside(world, "explain", { method: "GET", url: `http://${cart}/items` });
    expect(explained.body).toMatchObject({
      service: cart,
      matched: true,
      action: "route",
      destinations: [{ backendService: "cart", weight: 1 }],
    });
    await world.run({
      collection: "httpRoutes",
      scope: "locations/global",
      verb: "patch",
      name: "cart",
      query: { updateMask: "rules" },
      body: { rules: [{ action: { redirect: { hostRedirect: "x.test" } } }] },
    });
    expect((await wayside(world, "explain", { url: `http://${cart}/items` })).body).toMatchObject({ action: "redirect" });
  });

  it("keeps who changed what", async () => {
    const world = await shop();
    await world.run({ collection: "backendServices", verb: "patch", name: "cart", body: { timeoutSec: 9 } });
    expect((await wayside(world, "audit")).body).toMatchObject({
      entries: [
        { user: "ada@example.com", verb: "patch", key: "global/backendServices/cart", changed: ["global/backendServices/cart"] },
        {},
        {},
        {},
        {},
        {},
        {},
      ],
    });
  });
});
