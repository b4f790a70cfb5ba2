import http from "node:http";
import type { AddressInfo } from "node:net";
import { build } from "esbuild";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Snapshot } from "#ir/snapshot.ts";
import { cluster, endpoint, group, nothing, project, routeTo, rule, snapshot } from "./fixture.ts";

/**
 * The deployed proxy in workerd, under load over real HTTP, given configurations that follow one another as fast as it takes them: no
 * request fails, and each is treated by one configuration from beginning to end.
 */

const service = "cart.shop.mesh";
const swaps = 10_000;
const callers = 4;

/**
 * The Worker as it is deployed, over a KV and a control Worker of memory that have a new configuration whenever they are asked: its number
 * stands in the templates as @. The entrypoint `Ticks` has its cron trigger run so many times.
 */
const proxySource = `
import { WorkerEntrypoint } from "cloudflare:workers";
import { sha256Hex } from "#base/hash.ts";
import { writePointer, writeSnapshot } from "#ir/codec.ts";
import { schemaVersion } from "#ir/snapshot.ts";
import worker from "#proxy/worker.ts";
let generation = 0;
let pointer, bytes, bound;
const kv = {
  async get(key) {
    if (key.startsWith("ptr/")) return pointer ? writePointer(pointer).slice().buffer : null;
    // A turn for the requests, in the midst of a change.
    await scheduler.wait(0);
    return key.endsWith(pointer.digest) ? bytes.slice().buffer : null;
  },
};
const controlOf = ({ TEMPLATES }) => ({
  async pointers(project, services) {
    generation += 1;
    bytes = writeSnapshot(JSON.parse(TEMPLATES[generation % 2].replaceAll("@", String(generation))));
    pointer = { generation, digest: await sha256Hex(bytes), bytes: bytes.length, schemaVersion, createdAtMs: 1 };
    return Object.fromEntries(services.map((service) => [service, pointer]));
  },
  async report() {},
});
const bind = (env) => (bound ??= { ...env, BUS: kv, CONTROL: controlOf(env) });
export class Ticks extends WorkerEntrypoint {
  async fetch(request) {
    for (let left = Number(await request.text()); left > 0; left--) {
      const works = [];
      worker.scheduled(undefined, bind(this.env), { waitUntil: (work) => works.push(work) });
      await Promise.all(works);
    }
    return new Response(String(generation));
  }
}
export default { fetch: (request, env, ctx) => worker.fetch(request, bind(env), ctx) };
`;

/** Answers, a little later, with its name, the path that it sees, and the number that the proxy put into the request's header. */
function application(name: string): http.Server {
  return http.createServer(({ url, headers }, outgoing) => {
    const answer = (): void => void outgoing.end(`${name} ${url} ${String(headers["x-number"])}`);
    if (url?.endsWith("/slow") === true) setTimeout(answer, 20);
    else setImmediate(answer);
  });
}

/** Even generations have the first application, odd ones the second. */
const applications = [application("even"), application("odd")];
const agent = new http.Agent({ keepAlive: true, maxSockets: callers });
let miniflare: Miniflare;
let proxy: URL;
let ticks: URL;

/** Says its number wherever it can: in path, header and destination of the request, and in three headers of the answer. */
function template(port: number): Snapshot {
  const header = (name: string) => ({ ...nothing, set: [[name, "@"]] as const });
  const app = cluster("app", [group("g", [endpoint("vm-0", "127.0.0.1", { port })])], { responseHeaders: header("x-cluster") });
  const destination = { cluster: "app", weight: 1, requestHeaders: [header("x-number")], responseHeaders: [header("x-destination")] };
  const responseHeaders = [header("x-rule")];
  return snapshot(
    service,
    [
      rule("/direct", { kind: "directResponse", status: 200, body: { text: "@" } }, { responseHeaders }),
      rule("/", routeTo("app", { destinations: [destination], rewrite: { prefix: "/@/" } }), { responseHeaders }),
    ],
    { backends: [app] },
  );
}

async function bundle(): Promise<string> {
  const stdin = { contents: proxySource, resolveDir: process.cwd(), loader: "ts" as const };
  const { outputFiles } = await build({ stdin, bundle: true, format: "esm", write: false, external: ["cloudflare:workers"] });
  return outputFiles[0]?.text ?? "";
}

beforeAll(async () => {
  for (const each of applications) await new Promise<void>((resolve) => each.listen(0, "127.0.0.1", resolve));
  const templates = applications.map((each) => JSON.stringify(template((each.address() as AddressInfo).port)));
  const sockets = [undefined, "Ticks"].map((entrypoint) => ({ host: "127.0.0.1", port: 0, ...(entrypoint && { entrypoint }) }));
  miniflare = new Miniflare(
    convertV4MiniflareOptions({
      cf: false,
      workers: [
        {
          name: "proxy",
          modules: true,
          compatibilityDate: "2026-10-01",
          compatibilityFlags: ["enable_request_signal"],
          script: await bundle(),
          serviceBindings: { NET: { network: { allow: ["127.0.0.0/8"] } } },
          bindings: { PROJECT: project, SERVICE: service, CONFIG_REFRESH_MS: "1000", TEMPLATES: templates },
          unsafeDirectSockets: sockets,
        },
      ],
    } as unknown as Parameters<typeof convertV4MiniflareOptions>[0]),
  );
  await miniflare.ready;
  proxy = await miniflare.unsafeGetDirectURL("proxy");
  ticks = await miniflare.unsafeGetDirectURL("proxy", "Ticks");
}, 30_000);

afterAll(async () => {
  agent.destroy();
  await miniflare.dispose();
  for (const each of applications) each.close();
});

function ask(path: string): Promise<{ readonly status: number; readonly headers: http.IncomingHttpHeaders; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = http.request(new URL(path, proxy), { agent, headers: { host: service } }, (incoming) => {
      let body = "";
      incoming.on("data", (chunk: Buffer) => (body += chunk.toString()));
      incoming.on("error", reject);
      incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body }));
    });
    outgoing.on("error", reject).end();
  });
}

/** The generation of an answer, which must be the same wherever it is said. */
async function generationOf(path: string): Promise<number> {
  const { status, headers, body } = await ask(path);
  const number = Number(headers["x-rule"]);
  const { "x-destination": destination, "x-cluster": backend } = headers;
  const wanted =
    path === "/direct"
      ? [200, String(number), undefined, undefined]
      : [200, `${number % 2 === 0 ? "even" : "odd"} /${number}${path} ${number}`, String(number), String(number)];
  expect([status, body, destination, backend]).toEqual(wanted);
  return number;
}

test(`${swaps} swaps under load cost no request, and none sees two configurations`, { timeout: 300_000 }, async () => {
  const tick = async (times: number): Promise<void> => void (await fetch(ticks, { method: "POST", body: String(times) }));
  await tick(1);
  let isOver = false;
  let answers = 0;
  const seen = new Set<number>();
  const call = async (_: unknown, caller: number): Promise<void> => {
    const paths = ["/", "/direct", "/slow"];
    for (let turn = caller; !isOver; turn++) {
      seen.add(await generationOf(paths[turn % paths.length] ?? "/"));
      answers += 1;
    }
  };
  const load = Promise.all(Array.from({ length: callers }, call));
  const swapping = (async () => {
    for (let done = 0; done < swaps; done += 500) await tick(500);
  })();
  // A wrong answer ends the test at once.
  await Promise.race([load, swapping]);
  await swapping;
  isOver = true;
  await load;
  const last = await generationOf("/");
  expect(last).toBeGreaterThan(swaps);
  expect(answers).toBeGreaterThan(swaps / 10);
  expect(seen.size).toBeGreaterThan(swaps / 100);
  console.info(`${last} generations, ${answers} answers of ${seen.size} of them`);
});
