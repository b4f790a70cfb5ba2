import { describe, expect, it } from "vitest";
import { UserError } from "#base/errors.ts";
import type { Json } from "#base/json.ts";
import { writeSnapshot } from "#ir/codec.ts";
import { Explainer, type SnapshotSource } from "#control/explain/explain.ts";
import { RefusedLog, type RefusedRequest } from "#control/explain/refused-log.ts";
import type { Snapshot } from "#ir/snapshot.ts";

/** A service whose only rule redirects to `target`. */
function snapshot(service: string, target: string): Snapshot {
  const rule = { ref: { resource: "httpRoutes/r", index: 0 }, matches: [], requestHeaders: [], responseHeaders: [] };
  return {
    schemaVersion: 1,
    project: "demo",
    service,
    tracing: { samplingRatio: 1 },
    virtualHosts: [{ hosts: [service], rules: [{ ...rule, action: { kind: "redirect", status: 301, host: target } }] }],
    clusters: {},
    secrets: [],
  };
}

class Source implements SnapshotSource {
  reads = 0;
  readonly past = new Map<string, RefusedRequest>();
  readonly #targets = new Map<string, { generation: number; target: string }>();

  set(service: string, generation: number, target = `${service}-${generation}`): this {
    this.#targets.set(service, { generation, target: target.replace("*", "any") });
    return this;
  }

  services(): readonly string[] {
    return [...this.#targets.keys()];
  }

  newest(service: string): { readonly generation: number } | undefined {
    return this.#targets.get(service);
  }

  warnings(service: string): readonly string[] {
    return service === "*" ? ["urlMaps/x.y is stored"] : [];
  }

  observations(): readonly [] {
    return [];
  }

  refused(id: string): RefusedRequest | undefined {
    return this.past.get(id);
  }

  bytes(service: string): Uint8Array<ArrayBuffer> | undefined {
    this.reads += 1;
    const found = this.#targets.get(service);
    return found && writeSnapshot(snapshot(service, found.target));
  }
}

describe("Explainer", () => {
  it("says what of the service is not done", () => {
    const explainer = new Explainer(new Source().set("cart.mesh", 1).set("*", 3));
    expect(explainer.explain({ url: "http://elsewhere.test/" })).toMatchObject({ warnings: ["urlMaps/x.y is stored"] });
    expect(explainer.explain({ url: "http://cart.mesh/" })).not.toHaveProperty("warnings");
  });

  const source = new Source().set("cart.mesh", 1).set("*.mesh", 2).set("*", 3);
  it.each([
    ["http://cart.mesh/a", [], "cart.mesh"],
    ["http://CART.mesh:8080/a", [], "cart.mesh"],
    ["http://pay.mesh/a", [], "*.mesh"],
    ["http://elsewhere.test/", [], "*"],
    ["http://127.0.0.1:8788/a", [{ name: "Host", value: "cart.mesh" }], "cart.mesh"],
  ])("%s with %j is for %s", (url, headers, service) => {
    expect(new Explainer(source).explain({ method: "GET", url, headers })).toMatchObject({ service, matched: true, action: "redirect" });
  });

  it("says which services there are when none takes the host", () => {
    const answer = new Explainer(new Source().set("cart.mesh", 1)).explain({ url: "http://pay.mesh/" });
    expect(answer).toEqual({
      matched: false,
      action: "none",
      trace: [{ matched: false, why: "no service takes the host 'pay.mesh'; services are: cart.mesh" }],
    });
    expect(new Explainer(new Source()).explain({ url: "http://pay.mesh/" })).toMatchObject({
      trace: [{ why: "no service takes the host 'pay.mesh'; the project has no services" }],
    });
  });

  it.each<[string, Json | undefined, string[]]>([
    ["nothing", undefined, ["url"]],
    ["no url", { method: "GET" }, ["url"]],
    ["a relative url", { url: "/a" }, ["url"]],
    ["another scheme", { url: "ftp://x.test/" }, ["url"]],
    ["a number", { url: 5 }, ["url"]],
    [
      "everything wrong at once",
      { url: "x", method: "G T", headers: [{ name: "a b", value: "" }, { name: "a", value: "b\r\nc: d" }, 5] },
      ["method", "url", "headers[0]", "headers[1]", "headers[2]"],
    ],
    ["headers as an object", { url: "http://x.test/", headers: { a: "b" } }, ["headers"]],
  ])("refuses %s", (_name, body, fields) => {
    let thrown: unknown;
    try {
      new Explainer(source).explain(body);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(UserError);
    expect((thrown as UserError).faults.map((fault) => fault.field)).toEqual(fields);
  });

  it("reads a snapshot once per generation, and forgets the least recently used", () => {
    const many = new Source();
    for (let index = 0; index < 40; index++) many.set(`s${index}.mesh`, index + 1);
    const explainer = new Explainer(many);
    const ask = (index: number) => explainer.explain({ url: `http://s${index}.mesh/` });
    ask(0);
    ask(0);
    expect(many.reads).toBe(1);
    many.set("s0.mesh", 100, "fresh.test");
    expect(ask(0)).toMatchObject({ redirect: { location: "http://fresh.test/" } });
    for (let index = 1; index < 40; index++) ask(index);
    many.reads = 0;
    ask(39);
    expect(many.reads).toBe(0);
    ask(0);
    expect(many.reads).toBe(1);
  });
});

const refused = (id: string, more: Partial<RefusedRequest> = {}): RefusedRequest => ({
  id,
  atMs: 1_000,
  generation: 1,
  reason: "no_route",
  text: "no rule",
  method: "GET",
  url: "http://cart.mesh/a?b=1",
  headers: [{ name: "x-version", value: "2" }],
  withheld: [],
  ...more,
});

describe("the id of an answer of the mesh", () => {
  it("is explained as its request is", () => {
    const source = new Source().set("cart.mesh", 1);
    source.past.set("a1", refused("a1"));
    const explainer = new Explainer(source);
    const { past, ...answer } = explainer.explain({ id: "a1" });
    expect(answer).toEqual(
      explainer.explain({ method: "GET", url: "http://cart.mesh/a?b=1", headers: [{ name: "x-version", value: "2" }] }),
    );
    expect(past).toEqual({
      request: { id: "a1", method: "GET", url: "http://cart.mesh/a?b=1", headers: [{ name: "x-version", value: "2" }] },
      answered: { reason: "no_route", text: "no rule", atMs: 1_000, generation: 1 },
      isOutdated: false,
      withheld: [],
    });
  });

  it("is explained by the newest configuration, and says that this is another", () => {
    const source = new Source().set("cart.mesh", 2);
    source.past.set("a1", refused("a1"));
    expect(new Explainer(source).explain({ id: "a1" })).toMatchObject({ service: "cart.mesh", past: { isOutdated: true } });
  });

  it.each(["http://nobody.mesh/", "http://cart.mesh*", "nonsense"])("is explained for %s, too", (url) => {
    const source = new Source().set("cart.mesh", 1);
    source.past.set("a1", refused("a1", { url }));
    expect(new Explainer(source).explain({ id: "a1" })).toMatchObject({ matched: false, past: { isOutdated: false } });
  });

  it.each<[Json, string]>([
    ["a2", "notFound"],
    [7, "invalid"],
  ])("%j is refused as %s", (id, code) => {
    const explain = (): unknown => new Explainer(new Source()).explain({ id });
    expect(explain).toThrow(UserError);
    try {
      explain();
    } catch (thrown) {
      expect((thrown as UserError).faults).toMatchObject([{ code, field: "id" }]);
    }
  });
});

describe("the log of refused requests", () => {
  const report = (...refusals: RefusedRequest[]) => ({
    service: "cart.mesh",
    generation: 1,
    digest: "",
    confirmedAtMs: 0,
    droppedSpans: 0,
    refusals,
  });

  it("keeps the newest thousand, of one id the last", () => {
    const log = new RefusedLog();
    log.accept(
      Array.from({ length: 30 }, (_, at) => report(...Array.from({ length: 50 }, (_each, index) => refused(`${at * 50 + index}`)))),
    );
    expect([log.get("499"), log.get("500")?.id, log.get("1499")?.id]).toEqual([undefined, "500", "1499"]);
    log.accept([report(refused("500", { text: "again" }), refused("new"))]);
    expect([log.get("500")?.text, log.get("501"), log.get("502")?.id]).toEqual(["again", undefined, "502"]);
  });

  it("bounds what a proxy can put into it", () => {
    const log = new RefusedLog();
    const long = "x".repeat(100_000);
    const headers = Array.from({ length: 5_000 }, () => ({ name: "a", value: long }));
    log.accept([report(refused("a", { text: long, url: long, headers, reason: long, method: long }))]);
    expect(JSON.stringify(log.get("a")).length).toBeLessThan(120_000);
  });
});
