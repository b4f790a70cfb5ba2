/** Our own API's document: every route is in it, every path of it leads somewhere, and answers are as it says. */
import { describe, expect, it } from "vitest";
import * as z from "zod";
import type { Json, JsonObject } from "#base/json.ts";
import { openApiDocument } from "#control/api/openapi/document.ts";
import { routeOf } from "#control/api/route.ts";
import { catalogue } from "#control/resources/catalogue.ts";
import { openHarness, project, zone } from "../resources/harness.ts";

interface Described {
  readonly responses: { readonly "200": { readonly content: { readonly "application/json": { readonly schema: JsonObject } } } };
}

const document = openApiDocument();
const paths = document["paths"] as unknown as Record<string, Record<string, Described>>;
const base = `/wayside/v1/projects/${project}`;

/** Calls that the router does not know: they are answered before it. */
const beside = /\/(?:join|connect|heartbeat|healthz|openapi\.json)$/;

describe("the OpenAPI document", () => {
  const described = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => [method.toUpperCase(), path] as const),
  );

  it.each(described.filter(([, path]) => !beside.test(path)))("%s %s leads somewhere", (method, path) => {
    expect(routeOf(method, path.replace("{project}", project).replace("{name}", "x")).project).toBe(project);
  });

  it("is what is served: `node scripts/generate-openapi.ts` writes it anew", async () => {
    expect(await openHarness().must("GET", "/wayside/v1/openapi.json")).toEqual(document);
  });

  it("has every verb of our own collections", () => {
    const unkinded = ["joinTokens", "instances", "groups", "groupSwitches"];
    const own = [...catalogue.values()].filter(({ kind, name }) => kind?.api === "wayside" || unkinded.includes(name));
    const standard = ["insert", "get", "list", "patch", "update", "delete"];
    const custom = ["drain", "undrain", "keepalive", "run", "return"];
    const hidden = ["redeem", "advance"];
    const verbs = own.flatMap(({ name, verbs: rows }) =>
      [...rows]
        .filter(([verb]) => !hidden.includes(verb) && (name !== "instances" || isRegistration(verb)))
        .map(([verb, row]) => {
          expect([...standard, ...custom, ...registration], verb).toContain(verb);
          const ending = custom.includes(verb) ? `/${verb}` : "";
          const path = `/wayside/v1/projects/{project}/${name}${row.on === "resource" ? "/{name}" : ""}${ending}`;
          return [row.method.toLowerCase(), path] as const;
        }),
    );
    expect(verbs.length).toBeGreaterThan(15);
    for (const [method, path] of verbs) expect(paths[path], `${method} ${path}`).toHaveProperty(method);
  });

  it("says what the API answers", async () => {
    const harness = openHarness();
    await harness.must("POST", `/compute/v1/projects/${project}/${zone}/instanceGroups`, { name: "g" });
    const says = async (method: string, path: string, body?: Json): Promise<JsonObject> => {
      const answer = (await harness.must(method, `${base}${path}`, body)) as JsonObject;
      const template = `/wayside/v1/projects/{project}${path.replace(/^(\/\w+)\/[^/]+/, (whole, collection: string) => (/^\/(join)$/.test(whole) ? whole : `${collection}/{name}`))}`;
      const schema = paths[template]?.[method.toLowerCase()]?.responses["200"].content["application/json"].schema;
      if (!schema) throw new Error(`${method} ${template} is not described`);
      z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]).parse(answer);
      return answer;
    };
    const { token, name } = await says("POST", "/joinTokens", { group: "g" });
    const publicKey = "A".repeat(43);
    const vm = await says("POST", "/join", {
      token: token ?? "",
      publicKey,
      networkInterfaces: [{ networkIP: "10.0.0.1", network: "prod" }],
      port: 80,
    });
    await says("GET", "/joinTokens");
    await says("DELETE", `/joinTokens/${name as string}`);
    await says("POST", "/instances", { group: "g", address: "10.0.0.2", port: 81, name: "plain" });
    const { instances } = await says("GET", "/instances");
    expect(instances).toHaveLength(2);
    expect(await says("GET", `/instances/${vm["name"] as string}`)).toMatchObject({
      connection: { state: "LOST" },
      networkInterfaces: [{ network: "prod" }],
    });
    expect(await says("POST", "/instances/plain/drain", {})).toMatchObject({ drained: true, health: "DRAINING" });
    expect(await says("POST", "/instances/plain/undrain", {})).toMatchObject({ drained: false });
    expect(await says("POST", "/instances/plain/keepalive", {})).toMatchObject({ servingState: "KEEPALIVE" });
    expect(await says("POST", "/instances/plain/run", {})).toMatchObject({ servingState: "RUNNING" });
    expect(await says("POST", "/groups/g/keepalive", {})).toMatchObject({ servingState: "KEEPALIVE" });
    expect(await says("POST", "/groups/g/run", {})).toMatchObject({ servingState: "RUNNING" });
    await says("GET", "/groups/g");
    expect(await says("GET", "/groups")).toMatchObject({ groups: [{ name: "g" }] });
    expect(await says("GET", "/groupSwitches")).toEqual({ groupSwitches: [] });
    await says("DELETE", "/instances/plain");
    await says("DELETE", `/instances/${vm["name"] as string}`);
    expect(harness.context.store.list("instances")).toEqual([]);
    expect(harness.context.store.list("instanceLeases")).toEqual([]);
    await says("POST", "/meshSettings", { name: "m" });
    await says("GET", "/meshSettings/m");
  });
});

const registration = ["listRegistered", "getRegistered", "register", "deregister"];

const isRegistration = (verb: string): boolean => [...registration, "drain", "undrain", "keepalive", "run"].includes(verb);
