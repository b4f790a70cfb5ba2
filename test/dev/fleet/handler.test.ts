import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AddressPool } from "#dev/fleet/addresses.ts";
import { Fleet } from "#dev/fleet/fleet.ts";
import { fleetHandler } from "#dev/fleet/handler.ts";
import type { FleetInstance, FleetState } from "#instances/fleet.ts";
import { eventually } from "../waiting.ts";
import { group, instance } from "./instances.ts";

const folder = mkdtempSync(path.join(tmpdir(), "wayside-handler-"));
let fleet: Fleet;
let answer: (request: Request) => Promise<Response>;

beforeAll(() => {
  const ignore = (): void => {};
  fleet = new Fleet({ folder, addresses: new AddressPool(61), killAfterMs: 500, onStart: ignore, onEnd: ignore, onChange: ignore });
  answer = fleetHandler(fleet);
});
afterAll(async () => {
  await fleet.stop();
  rmSync(folder, { recursive: true });
});

const base = `http://fleet/projects/demo/${group}/instances`;

function put(body: unknown, name = "web-a"): Promise<Response> {
  return answer(new Request(`${base}/${name}`, { method: "PUT", body: JSON.stringify(body) }));
}

describe("the protocol", () => {
  it("makes, lists and deletes", async () => {
    const made = await put(instance("web-a", "exec sleep 60"));
    expect(made.status).toBe(200);
    const state = (await made.json()) as FleetState;
    expect(state).toMatchObject({ name: "web-a", running: true });
    expect(await (await answer(new Request(base))).json()).toMatchObject([state]);
    // The group's key may come as one escaped segment.
    const escaped = `http://fleet/projects/demo/${encodeURIComponent(group)}/instances`;
    expect(await (await answer(new Request(escaped))).json()).toMatchObject([state]);

    const other = await answer(new Request(`${base}/web-a?id=99`, { method: "DELETE" }));
    expect(other.status).toBe(204);
    expect(await (await answer(new Request(base))).json()).toMatchObject([state]);
    const suspend = (id: string): Promise<Response> => answer(new Request(`${base}/web-a/suspend?id=${id}`, { method: "POST" }));
    expect([(await suspend("99")).status, (await suspend(state.id)).status]).toEqual([404, 204]);
    expect((await answer(new Request(`${base}/web-a/suspend`, { method: "PUT" }))).status).toBe(405);
    expect((await answer(new Request(`${base}/web-a?id=${state.id}`, { method: "DELETE" }))).status).toBe(204);
    expect(await (await answer(new Request(base))).json()).toEqual([]);
    expect((await answer(new Request(`${base}/web-a`, { method: "DELETE" }))).status).toBe(204);
  });

  it("gives logs, at once or followed", async () => {
    await put(instance("web-l", "echo one; echo two; exec sleep 60"), "web-l");
    const url = "http://fleet/projects/demo/logs/web-l";
    await eventually("two lines", async () => /two/.test(await (await answer(new Request(url))).text()));
    expect(await (await answer(new Request(`${url}?tail=1`))).text()).toBe("two\n");
    const followed = await answer(new Request(`${url}?follow=true`));
    await fleet.delete({ project: "demo", group, name: "web-l" });
    const reader = followed.body?.getReader();
    expect(new TextDecoder().decode((await reader?.read())?.value)).toMatch(/one\ntwo\n$/);
    await reader?.cancel();
    expect(await (await answer(new Request(url))).text()).toMatch(/two/);
  });

  it.each<[string, Partial<FleetInstance> | string, RegExp]>([
    ["another name", { name: "web-b" }, /name must be web-a, as in the path/],
    ["another project", { project: "other" }, /project must be demo/],
    ["an id that is no number", { id: "x" }, /id must be/],
    ["no metadata", { metadata: null as unknown as {} }, /metadata must be an object/],
    ["ports that are no list", { namedPorts: {} as unknown as [] }, /namedPorts must be a list/],
    ["no object", "text", /must be a JSON object/],
  ])("refuses %s", async (_, change, message) => {
    const body = typeof change === "string" ? change : instance("web-a", "exit 0", change);
    const refused = await put(body);
    expect(refused.status).toBe(400);
    expect(((await refused.json()) as { error: { message: string } }).error.message).toMatch(message);
  });

  it.each([
    ["GET", "http://fleet/nothing", 404],
    ["POST", base, 405],
    ["POST", `${base}/web-a`, 405],
    ["GET", "http://fleet/projects/demo/logs/nobody", 404],
    ["GET", "http://fleet/projects/demo/logs/%zz", 400],
    ["GET", "http://fleet/projects/demo/logs/nobody?tail=some", 400],
  ])("%s %s → %i", async (method, url, status) => {
    expect((await answer(new Request(url, { method }))).status).toBe(status);
  });

  it("refuses names that would leave the folder", async () => {
    const name = "../../evil";
    const refused = await put(instance(name, "exit 0"), encodeURIComponent(name));
    expect(refused.status).toBe(400);
  });
});
