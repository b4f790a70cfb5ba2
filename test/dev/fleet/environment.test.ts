import { describe, expect, it } from "vitest";
import { environmentOf, markOf, servingPorts } from "#dev/fleet/environment.ts";
import { instance } from "./instances.ts";

const place = { address: "127.10.0.7", metadataHost: "127.10.0.7:4000" };

describe("environmentOf", () => {
  it("has exactly what the design names, and what a program needs of ours", () => {
    const own = { PATH: "/bin", HOME: "/home/me", LANG: "C", AWS_SECRET_ACCESS_KEY: "s3cret", NPM_TOKEN: "t", NODE_OPTIONS: "--inspect" };
    expect(environmentOf(instance("web-1", ""), place, own)).toEqual({
      PATH: "/bin",
      HOME: "/home/me",
      LANG: "C",
      HOST: "127.10.0.7",
      PORT: "18080",
      PORT_HTTP: "18080",
      INSTANCE_NAME: "web-1",
      ZONE: "us-central1-a",
      GCE_METADATA_HOST: "127.10.0.7:4000",
    });
  });

  it("tells where other services are called, when there is a mesh", () => {
    expect(environmentOf(instance("web-1", ""), { ...place, mesh: "http://127.0.0.1:8788" }, {})["WAYSIDE_MESH"]).toBe(
      "http://127.0.0.1:8788",
    );
  });

  it.each([
    ["no named port", [], { PORT: "8080" }],
    [
      "several",
      [
        { name: "grpc-api", port: 9000 },
        { name: "admin", port: 9001 },
      ],
      { PORT: "9000", PORT_GRPC_API: "9000", PORT_ADMIN: "9001" },
    ],
    [
      "one name twice: the first counts",
      [
        { name: "a", port: 1 },
        { name: "a", port: 2 },
      ],
      { PORT: "1", PORT_A: "1" },
    ],
  ])("%s", (_, namedPorts, expected) => {
    const environment = environmentOf(instance("web-1", "", { namedPorts }), place, {});
    expect(environment).toMatchObject(expected);
    expect(Object.keys(environment).filter((name) => name.startsWith("PORT_"))).toEqual(
      Object.keys(expected).filter((name) => name.startsWith("PORT_")),
    );
  });

  it("has the mark by which a VM's processes are found", () => {
    const environment = environmentOf(instance("web-1", ""), place, {});
    const [name = "", value] = markOf(place).split("=");
    expect(environment[name]).toBe(value);
  });
});

it("servingPorts never is empty and names each port once", () => {
  expect(servingPorts(instance("a", "", { namedPorts: [] }))).toEqual([8080]);
  const namedPorts = [5, 6, 5].map((port, index) => ({ name: `p${index}`, port }));
  expect(servingPorts(instance("a", "", { namedPorts }))).toEqual([5, 6]);
});
