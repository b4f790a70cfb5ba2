import { describe, expect, it } from "vitest";
import { answerMetadata, type MetadataAnswer, startMetadataServer, waitMs } from "#dev/metadata/server.ts";
import { metadataTree, projectNumber } from "#dev/metadata/tree.ts";
import { instance } from "../fleet/instances.ts";

const vm = instance("web-x1y2", "echo hi\n", { metadata: { "startup-script": "echo hi\n", "log-level": "debug" } });
const root = metadataTree(vm, "127.10.0.9");
const number = projectNumber("demo");
const flavor = { "metadata-flavor": "Google" };

function get(target: string, headers: Record<string, string> = flavor): MetadataAnswer {
  return answerMetadata(root, { method: "GET", target, headers });
}

describe("values", () => {
  it.each([
    ["instance/name", "web-x1y2"],
    ["instance/id", "7100000000000000001"],
    ["instance/zone", `projects/${number}/zones/us-central1-a`],
    ["instance/hostname", "web-x1y2.us-central1-a.c.demo.internal"],
    ["instance/machine-type", `projects/${number}/machineTypes/e2-small`],
    ["instance/tags", '["http-server","web"]'],
    ["instance/attributes/log-level", "debug"],
    ["instance/attributes/startup-script", "echo hi\n"],
    ["instance/attributes/created-by", `projects/${number}/zones/us-central1-a/instanceGroupManagers/web`],
    ["instance/attributes/instance-template", `projects/${number}/global/instanceTemplates/web-template`],
    ["instance/network-interfaces/0/ip", "127.10.0.9"],
    ["instance/service-accounts/default/email", `${number}-compute@developer.gserviceaccount.com`],
    ["instance/service-accounts/default/scopes", "https://www.googleapis.com/auth/cloud-platform\n"],
    ["project/project-id", "demo"],
    ["project/numeric-project-id", String(number)],
    ["universe/universe-domain", "googleapis.com"],
    ["instance/id?alt=json", "7100000000000000001"],
    ["instance/name?alt=json", '"web-x1y2"'],
    ["instance/tags?alt=json", '["http-server","web"]'],
  ])("%s", (path, body) => {
    expect(get(`/computeMetadata/v1/${path}`)).toMatchObject({ status: 200, body, headers: { "metadata-flavor": "Google" } });
  });

  it("gives a token that Google's libraries can use, whatever format is asked for", () => {
    for (const query of ["", "?alt=json", "?scopes=a,b"]) {
      const token = get(`/computeMetadata/v1/instance/service-accounts/default/token${query}`);
      expect(JSON.parse(token.body)).toMatchObject({ token_type: "Bearer", expires_in: 3599 });
      expect(token.headers["content-type"]).toBe("application/json");
    }
  });
});

describe("directories", () => {
  it.each([
    ["/", "computeMetadata/\n"],
    ["/computeMetadata/", "v1/\n"],
    ["/computeMetadata/v1/", "instance/\nproject/\nuniverse/\n"],
    ["/computeMetadata/v1/instance/attributes/", "created-by\ninstance-template\nlog-level\nstartup-script\n"],
    ["/computeMetadata/v1/instance/network-interfaces/", "0/\n"],
    ["/computeMetadata/v1/project/?recursive=true&alt=text", `numeric-project-id ${number}\nproject-id demo\n`],
  ])("%s", (target, body) => {
    expect(get(target)).toMatchObject({ status: 200, body });
  });

  it("redirects to the slash, keeping the query", () => {
    expect(get("/computeMetadata/v1/instance?x=1")).toMatchObject({
      status: 301,
      headers: { location: "/computeMetadata/v1/instance/?x=1" },
    });
    expect(get("/computeMetadata")).toMatchObject({ status: 301 });
  });

  it("recursive=true is JSON in camel case, with user-defined keys as they are and no token", () => {
    const answer = get("/computeMetadata/v1/instance?recursive=true");
    expect(answer.headers["content-type"]).toBe("application/json");
    // The id is larger than what JSON.parse keeps: it must be there as a number, digit by digit.
    expect(answer.body).toContain('"id":7100000000000000001,');
    expect(JSON.parse(answer.body)).toMatchObject({
      name: "web-x1y2",
      machineType: `projects/${number}/machineTypes/e2-small`,
      attributes: { "log-level": "debug", "startup-script": "echo hi\n" },
      networkInterfaces: [{ ip: "127.10.0.9", accessConfigs: [], forwardedIps: [] }],
      serviceAccounts: { default: { aliases: ["default"] } },
      tags: ["http-server", "web"],
    });
    expect(answer.body).not.toContain("token");
  });
});

describe("refusals", () => {
  it.each<[string, string, Record<string, string>, number]>([
    ["no flavor", "/computeMetadata/v1/instance/name", {}, 403],
    ["another flavor", "/computeMetadata/v1/instance/name", { "metadata-flavor": "google" }, 403],
    ["forwarded", "/computeMetadata/v1/instance/name", { ...flavor, "x-forwarded-for": "10.0.0.1" }, 403],
    ["unknown key", "/computeMetadata/v1/instance/nope", flavor, 404],
    ["below a value", "/computeMetadata/v1/instance/name/x", flavor, 404],
    ["inherited names", "/computeMetadata/v1/constructor", flavor, 404],
    ["an older version", "/computeMetadata/v1beta1/instance/name", flavor, 404],
    ["broken escapes", "/computeMetadata/v1/instance/attributes/%zz", flavor, 404],
    ["no path", "*", flavor, 400],
  ])("%s", (...[, target, headers, status]) => {
    expect(get(target, headers)).toMatchObject({ status, headers: { "metadata-flavor": "Google" } });
  });

  it("takes no writes", () => {
    expect(answerMetadata(root, { method: "PUT", target: "/computeMetadata/v1/instance/name", headers: flavor }).status).toBe(405);
  });
});

describe("wait_for_change", () => {
  it.each([
    ["/x", 0],
    ["/x?wait_for_change=true&timeout_sec=2", 2000],
    ["/x?wait_for_change=true&timeout_sec=2&last_etag=e", 2000],
    ["/x?wait_for_change=true&timeout_sec=2&last_etag=other", 0],
    ["/x?wait_for_change=true&timeout_sec=0", 0],
    ["/x?wait_for_change=true&timeout_sec=soon", 0],
    ["/x?wait_for_change=true", 3_600_000],
  ])("%s waits %i ms", (target, wait) => {
    expect(waitMs(target, "e")).toBe(wait);
  });
});

describe("the server", () => {
  it("answers on the instance's address, waits, and lets go of waiting requests when it closes", async () => {
    const server = await startMetadataServer(vm, "127.10.228.9");
    const url = `http://${server.host}/computeMetadata/v1/instance/name`;
    const answer = await fetch(url, { headers: { "Metadata-Flavor": "Google" } });
    expect(await answer.text()).toBe("web-x1y2");
    expect(answer.headers.get("metadata-flavor")).toBe("Google");
    expect((await fetch(url)).status).toBe(403);
    expect((await fetch(url, { method: "HEAD", headers: { "Metadata-Flavor": "Google" } })).status).toBe(200);

    const before = performance.now();
    await fetch(`${url}?wait_for_change=true&timeout_sec=0.2`, { headers: { "Metadata-Flavor": "Google" } });
    expect(performance.now() - before).toBeGreaterThan(150);

    const waiting = fetch(`${url}?wait_for_change=true`, { headers: { "Metadata-Flavor": "Google" } });
    const outcome = waiting.then(
      () => "answered",
      () => "cut off",
    );
    await fetch(url);
    await server.close();
    expect(await outcome).toBe("cut off");
  });
});
