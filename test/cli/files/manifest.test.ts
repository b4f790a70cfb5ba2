import { describe, expect, it } from "vitest";
import { readManifests } from "#cli/files/manifest.ts";
import { kindNamed, kinds } from "#model/kinds.ts";

const read = (text: string, defaultKind?: string): ReturnType<typeof readManifests> =>
  readManifests([{ file: "f.yaml", text }], defaultKind === undefined ? undefined : kindNamed(defaultKind));

const faultsOf = (text: string, defaultKind?: string): string[] =>
  read(text, defaultKind).faults.map(({ where, message }) => `${where}: ${message}`);

const compute = "https://www.googleapis.com/compute/v1/projects/elsewhere";
const group = "targetSize: 1\ninstanceTemplate: t\n";

describe("a document is recognised", () => {
  it.each([
    ["by kind", "kind: compute#targetHttpProxy\nname: a\nurlMap: m\n", "global/targetHttpProxies/a"],
    ["by kind, in a zone by name", `kind: compute#instanceGroupManager\nname: a\nzone: z-1\n${group}`, "zones/z-1/instanceGroupManagers/a"],
    [
      "in a zone by URL",
      `kind: compute#instanceGroupManager\nname: a\nzone: ${compute}/zones/z-1\n${group}`,
      "zones/z-1/instanceGroupManagers/a",
    ],
    ["in a region", `kind: compute#instanceGroupManager\nname: a\nregion: r-1\n${group}`, "regions/r-1/instanceGroupManagers/a"],
    ["by selfLink", `name: a\nurlMap: m\nselfLink: ${compute}/global/targetHttpProxies/a\n`, "global/targetHttpProxies/a"],
    ["by selfLink alone", `urlMap: m\nselfLink: ${compute}/global/targetHttpProxies/a\n`, "global/targetHttpProxies/a"],
    ["by selfLink in a region", `selfLink: ${compute}/regions/r-1/targetHttpProxies/a\nurlMap: m\n`, "regions/r-1/targetHttpProxies/a"],
    ["by selfLink in a zone", `selfLink: ${compute}/zones/z-1/instanceGroupManagers/a\n${group}`, "zones/z-1/instanceGroupManagers/a"],
    ["by a name that is a path", "name: projects/p/locations/global/meshes/a\n", "locations/global/meshes/a"],
    ["by kind with a short name", "kind: networkservices#mesh\nname: a\n", "locations/global/meshes/a"],
    ["as a secret", "kind: secretmanager#secret\nname: projects/p/secrets/a\n", "secrets/a"],
    ["as our own", "kind: wayside#meshSettings\nname: a\n", "meshSettings/a"],
  ])("%s", (_how, text, key) => {
    const { manifests, faults } = read(text);
    expect(faults).toEqual([]);
    expect(manifests.map((one) => one.key)).toEqual([key]);
  });

  it("by --kind where nothing else tells", () => {
    expect(read("name: a\n", "networkservices#mesh").manifests.map(({ key }) => key)).toEqual(["locations/global/meshes/a"]);
  });
});

it("leaves out what the server owns, whatever it is, and keeps Google's names", () => {
  const text = `kind: compute#targetHttpProxy
id: '123'
creationTimestamp: '2026-01-01T00:00:00Z'
fingerprint: abc=
selfLink: ${compute}/global/targetHttpProxies/a
name: a
url_map: ${compute}/global/urlMaps/m
`;
  const { manifests, faults } = read(text);
  expect(faults).toEqual([]);
  expect(manifests[0]?.body).toEqual({ name: "a", urlMap: `${compute}/global/urlMaps/m` });
  const route = read("name: projects/p/locations/global/meshes/a\ncreateTime: '2026-01-01T00:00:00Z'\nupdateTime: x\ndescription: d\n");
  expect(route.faults).toEqual([]);
  expect(route.manifests[0]?.body).toEqual({ description: "d" });
});

it("orders documents as they can be created, those of a kind as they are written", () => {
  const documents = ["compute#targetHttpProxy", "networkservices#mesh", "secretmanager#secret", "compute#targetHttpProxy"];
  const text = documents
    .map((kind, index) => `kind: ${kind}\nname: x${index}\n${kind.includes("Proxy") ? "urlMap: m\n" : ""}`)
    .join("---\n");
  expect(read(text).manifests.map(({ name }) => name)).toEqual(["x2", "x0", "x3", "x1"]);
});

it("knows every kind by its name", () => {
  for (const kind of kinds) {
    const text = `kind: ${kind.kind}\nname: a\n${kind.scopes.includes("global") || kind.api !== "compute" ? "" : "zone: z\n"}`;
    expect(read(text).manifests.map((one) => one.kind)).toEqual([kind]);
  }
});

describe("faults have their place", () => {
  it.each([
    ["kind: compute#urlmaps\nname: a\n", 'f.yaml:1:7: unknown kind "compute#urlmaps"; did you mean compute#urlMap?'],
    ["kind: 7\nname: a\n", "f.yaml:1:7: unknown kind 7; there are secretmanager#secret, "],
    ["name: a\n", "f.yaml:1:7: cannot tell what this is: give it a kind"],
    ["name: projects/p/locations/global/nonsense/a\n", "f.yaml:1:7: cannot tell what this is"],
    ["kind: networkservices#mesh\n", "f.yaml:1:1: a resource needs a name"],
    ["kind: networkservices#mesh\nname: [a]\n", "f.yaml:2:1: a name is text"],
    ["kind: compute#instanceGroup\nname: a\n", "f.yaml:1:1: instanceGroup needs a zone"],
    ["kind: compute#urlMap\nname: a\nzone: z\n", "f.yaml:3:7: urlMap has no zone; it is global or region"],
    ["kind: compute#targetHttpProxy\nname: a\nurlMap: m\nurlMop: m\n", 'f.yaml:4:9: Invalid JSON payload received. Unknown name "urlMop"'],
    [
      "kind: compute#instanceGroup\nname: a\nzone: z\nnamedPorts:\n  - name: http\n    port: 99999\n",
      "f.yaml:6:11: Invalid value for field 'resource.namedPorts[0].port'",
    ],
    ["kind: compute#instanceGroup\nname: A_b\nzone: z\n", "f.yaml:2:7: Invalid value for field 'resource.name'"],
  ])("%j", (text, expected) => {
    expect(faultsOf(text).join("\n")).toContain(expected);
  });

  it("all at once, over documents", () => {
    const text = "kind: compute#instanceGroup\nname: a\n---\nkind: nope\nname: b\n---\nname: c\n";
    expect(faultsOf(text).map((fault) => fault.split(":").slice(0, 3).join(":"))).toEqual(["f.yaml:1:1", "f.yaml:4:7", "f.yaml:7:7"]);
  });

  it("of a resource that is there twice", () => {
    const text = "kind: networkservices#mesh\nname: a\n---\nname: projects/p/locations/global/meshes/a\n";
    expect(faultsOf(text)).toEqual(["f.yaml:4:1: locations/global/meshes/a is defined twice; first at f.yaml:1:1"]);
  });
});
