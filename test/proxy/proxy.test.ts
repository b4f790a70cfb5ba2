import { describe, expect, test } from "vitest";
import { cluster, endpoint, group, nothing, routeTo, rule, snapshot } from "./fixture.ts";
import { service, setUp } from "./in-process.ts";

const vm = endpoint("vm-0", "10.0.0.1");
const app = cluster("app", [group("g", [vm])]);

const well = async (): Promise<Response> => new Response("ok");
const reasonOf = (response: Response) => [response.status, response.headers.get("x-wayside-reason")];

describe("answers of the mesh itself", () => {
  test("a redirect and a direct response carry the rule's headers and no reason", async () => {
    const responseHeaders = [{ ...nothing, set: [["x-rule", "yes"]] as const }];
    const rules = [
      rule("/old", { kind: "redirect", status: 301, path: "/new" }, { responseHeaders }),
      rule("/text", { kind: "directResponse", status: 418, body: { text: "short and stout" } }, { responseHeaders }),
    ];
    const { ask } = setUp(snapshot(service, rules, { backends: [] }), well);
    const redirect = await ask("/old");
    expect([redirect.status, redirect.headers.get("location"), redirect.headers.get("x-rule")]).toEqual([
      301,
      `http://${service}/new`,
      "yes",
    ]);
    const text = await ask("/text");
    expect([text.status, await text.text(), text.headers.get("x-rule")]).toEqual([418, "short and stout", "yes"]);
    expect([reasonOf(redirect), reasonOf(text)]).toEqual([
      [301, null],
      [418, null],
    ]);
  });

  test.each([
    ["no_destination", { destinations: [{ cluster: "app", weight: 0, requestHeaders: [], responseHeaders: [] }] }, {}],
    ["no_healthy_endpoints", {}, { groups: [] }],
    ["no_transport", {}, { transport: "tunnel" } as const],
  ] as const)("%s names what is missing, and the trace", async (reason, action, change) => {
    const { ask } = setUp(snapshot(service, [rule("/", routeTo("app", action))], { backends: [{ ...app, ...change }] }), well);
    const response = await ask("/");
    expect(reasonOf(response)).toEqual([503, reason]);
    expect(await response.text()).toMatch(/^wayside: \w+: .*(backend service app|httpRoutes\/test rule 0).* \([0-9a-f]{32}\)\n$/);
  });

  test.each<[string, (url: string, init: RequestInit) => Promise<Response>, readonly [number, string]]>([
    ["a refused connection", () => Promise.reject(new Error("connection_refused")), [503, "upstream_connect_failure"]],
    ["a reset", () => Promise.reject(new Error("connection_terminated")), [502, "upstream_reset"]],
    [
      "silence",
      (_, { signal }) => new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(new Error("abort")))),
      [504, "upstream_timeout"],
    ],
  ])("%s names the instance", async (_, upstream, expected) => {
    const { ask } = setUp(snapshot(service, [rule("/", routeTo("app", { timeoutMs: 50 }))], { backends: [app] }), upstream);
    const response = await ask("/", { method: "POST" });
    expect(reasonOf(response)).toEqual(expected);
    expect(await response.text()).toContain("backend service app");
  });

  test("a fault of ours has an id, which the log has too, and says nothing else", async () => {
    const { ask, logged } = setUp(snapshot(service, [rule("/", routeTo("app"))], { backends: [app] }), async () => {
      return {
        status: 200,
        headers: new Headers({ "content-length": "1" }),
        get body(): ReadableStream {
          throw new Error("canary");
        },
      } as Response;
    });
    const response = await ask("/");
    expect(reasonOf(response)).toEqual([500, "internal_error"]);
    const text = await response.text();
    expect(text).not.toContain("canary");
    const [id = ""] = /[0-9a-f]{32}/.exec(text) ?? [];
    expect(logged.join()).toContain(id);
  });
});

test("only requests before the first configuration wait for the bus", async () => {
  const document = snapshot(service, [rule("/", routeTo("app"))], { backends: [app] });
  const { ask, clock, proxy } = setUp(document, well);
  await Promise.all([ask("/"), ask("/")]);
  expect(proxy.waits).toBe(2);
  for (let request = 0; request < 20; request++) {
    clock.nowMs += 700;
    expect((await ask("/")).status).toBe(200);
  }
  expect(proxy.waits).toBe(2);
});

test("an unsampled request is handed on with a context of its own, and leaves no span", async () => {
  const seen: string[] = [];
  const document = snapshot(service, [rule("/", routeTo("app"))], { backends: [app] });
  const { ask, exported, proxy } = setUp(document, async (_, init) => {
    seen.push(new Headers(init.headers).get("traceparent") ?? "");
    return new Response("ok");
  });
  await ask("/", { headers: { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00" } });
  expect(seen[0]).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[0-9a-f]{16}-00$/);
  await proxy.tick();
  expect(exported).toEqual([]);
  await ask("/");
  await proxy.tick();
  expect(exported).toHaveLength(1);
});

test("a streamed body is passed on as it comes, and its span ends with it", async () => {
  let send: ReadableStreamDefaultController<Uint8Array> | undefined;
  const stream = new ReadableStream<Uint8Array>({ start: (controller) => void (send = controller) });
  const document = snapshot(service, [rule("/", routeTo("app"))], { backends: [app] });
  const { ask, background, clock, exported, proxy } = setUp(document, async () => new Response(stream));
  const response = await ask("/");
  const reader = response.body?.getReader();
  send?.enqueue(new TextEncoder().encode("first"));
  expect(new TextDecoder().decode((await reader?.read())?.value as Uint8Array)).toBe("first");
  clock.nowMs += 5_000;
  send?.close();
  await reader?.read();
  await Promise.race([Promise.all(background), new Promise((resolve) => setTimeout(resolve, 50))]);
  await proxy.tick();
  const ends = exported.join().match(/"kind":2,"startTimeUnixNano":"(\d+)","endTimeUnixNano":"(\d+)"/);
  expect(Number(ends?.[2]) - Number(ends?.[1])).toBe(5_000_000_000);
});
