import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { servicesOf } from "../../scripts/services-of-files.ts";

it("finds the example's services, those of routes and of URL maps", async () => {
  const services = await servicesOf([join(import.meta.dirname, "../../examples/shop")], "demo");
  expect(services).toEqual(["*", "cart.shop.mesh", "catalog.shop.mesh", "payments.shop.mesh", "storefront.shop.mesh"]);
});

it("names the place of a fault", async () => {
  const folder = mkdtempSync(join(tmpdir(), "wayside-services-"));
  writeFileSync(join(folder, "route.yaml"), "kind: networkservices#httpRoute\nname: a\nhostnames: [a.test]\n");
  await expect(servicesOf([folder], "demo")).rejects.toThrow(/route\.yaml:1:1: .*rules/);
  rmSync(folder, { recursive: true });
});
