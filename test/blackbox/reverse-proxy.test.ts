/** What others state that a reverse proxy must do (`../shared/conformance/reverse-proxy-facts.json`), over real HTTP: every fact, by its name. */
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { request, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApplication, type Application } from "./harness/application.ts";
import { createMesh } from "./harness/resources.ts";
import { until } from "./harness/rest.ts";
import { exchange, open } from "./harness/socket.ts";
import { createHostileService, rawUpstream, type Upstream } from "./harness/upstream.ts";
import { root, startMesh, type Mesh } from "./harness/wayside.ts";

type Fields = Readonly<Record<string, string | readonly string[]>>;

interface Fact {
  readonly id: string;
  readonly send?: {
    readonly method?: string;
    readonly headers?: Fields;
    readonly rawHeaders?: readonly (readonly [string, string])[];
    readonly bodyBytes?: number;
  };
  readonly backendSends?: Fields;
  readonly upstreamMustNotSee?: readonly string[];
  readonly upstreamMustSee?: Readonly<Record<string, string>>;
  readonly upstreamMustContain?: Readonly<Record<string, string>>;
  readonly clientMustNotSee?: readonly string[];
  readonly clientMustSee?: Readonly<Record<string, string | number | readonly string[]>>;
}

const file = join(root, "../shared/conformance/reverse-proxy-facts.json");
const present = existsSync(file);
if (!present) console.warn("facts of reverse proxies are skipped: no vectors beside the checkout");
const facts = present ? (JSON.parse(readFileSync(file, "utf8")) as { vectors: Fact[] }).vectors : [];

/** Facts about what there is not: an upstream here has no query of its own, and workerd's `fetch` tells nothing of trailers. */
const withoutSubject: ReadonlySet<string> = new Set(["query-merge-1", "query-merge-3", "announced-trailer"]);

const host = "facts.test";
let mesh: Mesh;
/** Behind `facts.test`. */
let app: Application;
/** Behind `fields.test`: answers with the header fields that it is told. */
let plain: Application;
let answering: Fields = {};
const upstreams: Upstream[] = [];

const valuesOf = (name: string, at: Application = app): string[] =>
  at.last().headers.flatMap(([known, value]) => (known === name.toLowerCase() ? [value] : []));
const lines = (fields: Fields): string =>
  Object.entries(fields)
    .flatMap(([name, values]) => [values].flat().map((value) => `${name}: ${value}\r\n`))
    .join("");

/** One request, byte by byte, whose connection the mesh closes. */
function send(url: string, { method = "GET", headers = {}, rawHeaders = [] }: NonNullable<Fact["send"]> = {}): ReturnType<typeof exchange> {
  const { host: to, pathname, search } = new URL(url, `http://${host}`);
  const { Connection: connection, ...rest } = headers;
  const listed = [connection ?? []].flat().filter((each) => each !== "close");
  const raw = rawHeaders.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const head = `${method} ${pathname}${search} HTTP/1.1\r\nHost: ${to}\r\nConnection: ${["close", ...listed].join(", ")}\r\n${lines(rest)}${raw}`;
  return exchange(mesh.mesh, `${head}\r\n`);
}

/** The head of an answer whose body the test reads itself. */
async function begin(path: string): Promise<IncomingMessage> {
  const { hostname, port } = new URL(mesh.mesh);
  const [incoming] = (await once(request({ hostname, port, path, headers: { host } }).end(), "response")) as [IncomingMessage];
  return incoming;
}

/** The status of a service whose one upstream is this one. */
async function statusOf(name: string, upstream: Upstream): Promise<number> {
  await createHostileService({ api: mesh.api, mesh: mesh.mesh, name, ports: [upstream.port] });
  return (await exchange(mesh.mesh, `GET / HTTP/1.1\r\nHost: ${name}.test\r\nConnection: close\r\n\r\n`)).status;
}

/** Facts that are told in words. */
const told: Readonly<Record<string, () => Promise<void>>> = {
  hangup: async () => {
    const upstream = await rawUpstream(() => "");
    upstreams.push(upstream);
    expect(await statusOf("hangup", upstream)).toBe(503);
  },
  "upstream-refused": async () => {
    const nobody = await rawUpstream(() => "");
    await nobody.close();
    expect(await statusOf("refused", nobody)).toBe(503);
  },
  "query-merge-2": async () => {
    await send("/?us=er");
    expect(app.last().url).toBe("/?us=er");
  },
  "client-cancel": async () => {
    const incoming = await begin("/endless");
    await once(incoming, "data");
    incoming.destroy();
    await until("the upstream's connection is closed", 10_000, async () => app.last().isOver);
  },
  "post-1MiB": async () => {
    const body = "0123456789abcdef".repeat(65_536);
    const answer = await exchange(
      mesh.mesh,
      `POST /post HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    expect([answer.status, app.last().body.toString() === body]).toEqual([200, true]);
  },
  "short-body": async () => {
    const incoming = await begin("/reset-in-body");
    incoming.once("data", () => app.release());
    await expect(once(incoming, "end")).rejects.toThrow("aborted");
  },
  "sse-flush": async () => {
    const incoming = await begin("/events");
    const [first] = (await once(incoming, "data")) as [Buffer];
    expect([incoming.headers["content-type"], String(first)]).toEqual(["text/event-stream", "data: one\n\n"]);
    app.release();
    await once(incoming.resume(), "end");
  },
  websocket: async () => {
    const socket = open(mesh.mesh);
    let text = "";
    socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
    socket.write(
      `GET /socket HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
    );
    await until("the handshake", 5_000, async () => text.includes("\r\n\r\n"));
    expect(text).toMatch(/^HTTP\/1\.1 101 /);
    socket.write(Buffer.from([0x81, 0x85, 0, 0, 0, 0, ...Buffer.from("hello")]));
    await until("the echo", 5_000, async () => text.includes("\x81\x05hello"));
    socket.destroy();
  },
  "rfc-max-forwards-trace": async () => {
    const before = app.received.length;
    const answer = await send("/", { method: "TRACE", headers: { "Max-Forwards": "0" } });
    expect([answer.status, app.received.length]).toEqual([405, before]);
  },
  "rfc-via": async () => {
    const answer = await send("/");
    expect([valuesOf("via").length, /^via: /im.test(answer.text)]).toEqual([1, true]);
  },
  "ua-none": async () => {
    await send("/", { headers: { "User-Agent": "" } });
    expect(valuesOf("user-agent").filter((value) => value !== "")).toEqual([]);
  },
  "cookie-join": async () => {
    await send("/", facts.find(({ id }) => id === "cookie-join")?.send);
    expect(valuesOf("cookie").join("; ")).toBe("a=1; b=2");
  },
};

/** What workerd's `fetch` does not send, whatever a Worker asks for. */
const unsendable: ReadonlySet<string> = new Set(["Te"]);

/** The names among phrases such as `Connection value from client`. */
const names = (phrases: readonly string[] = []): string[] => phrases.filter((phrase) => !phrase.includes(" "));

/** Whether the fact says by its fields alone what is sent and what must come of it. */
const isOfFields = (fact: Fact): boolean =>
  told[fact.id] === undefined && (fact.send?.headers ?? fact.backendSends) !== undefined && !withoutSubject.has(fact.id);

async function expectFields(fact: Fact): Promise<void> {
  answering = fact.backendSends ?? {};
  const before = plain.received.length;
  const { text } = await send("http://fields.test/", fact.send);
  expect(plain.received).toHaveLength(before + 1);
  // What is of the connection to the application is its own: what must not come through is the caller's word.
  for (const name of names(fact.upstreamMustNotSee))
    expect(valuesOf(name, plain).filter((value) => [fact.send?.headers?.[name] ?? value].flat().includes(value))).toEqual([]);
  for (const [name, value] of Object.entries(fact.upstreamMustSee ?? {})) {
    if (unsendable.has(name)) expect(valuesOf(name, plain)).toEqual([]);
    else if (value === "present") expect(valuesOf(name, plain)).not.toEqual([]);
    else expect(valuesOf(name, plain)).toEqual([value]);
  }
  for (const [name, value] of Object.entries(fact.upstreamMustContain ?? {})) expect(valuesOf(name, plain).join(", ")).toContain(value);
  const answered = text.split("\r\n\r\n", 1)[0]?.split("\r\n").slice(1) ?? [];
  const given = (name: string): string[] =>
    answered.flatMap((line) => (line.toLowerCase().startsWith(`${name.toLowerCase()}: `) ? [line.slice(name.length + 2)] : []));
  for (const name of names(fact.clientMustNotSee)) expect(given(name)).toEqual([]);
  for (const [name, value] of Object.entries(fact.clientMustSee ?? {})) {
    if (typeof value === "number") expect(given(name)).toHaveLength(value);
    else expect(given(name).join(", ")).toBe([value].flat().join(", "));
  }
}

describe.skipIf(!present)("facts of reverse proxies over HTTP", () => {
  beforeAll(async () => {
    mesh = await startMesh();
    await createMesh(mesh.api, "demo");
    app = await startApplication();
    plain = await startApplication((incoming, outgoing) => {
      for (const [name, values] of Object.entries(answering)) outgoing.setHeader(name, values as string | string[]);
      incoming.resume().on("end", () => outgoing.end("ok"));
    });
    upstreams.push(app, plain);
    await createHostileService({ api: mesh.api, mesh: mesh.mesh, name: "facts", ports: [app.port], action: { timeout: "20s" } });
    await createHostileService({ api: mesh.api, mesh: mesh.mesh, name: "fields", ports: [plain.port] });
  });
  afterAll(async () => {
    expect(mesh.output()).not.toContain("internal error");
    expect(await mesh.stop()).toBe(0);
    await Promise.all(upstreams.map((upstream) => upstream.close()));
  });

  it("are all told or have no subject here", () => {
    const left = facts.filter((fact) => told[fact.id] === undefined && !isOfFields(fact)).map(({ id }) => id);
    expect(new Set(left)).toEqual(withoutSubject);
  });

  it.each(facts.filter(isOfFields))("$id", expectFields);
  it.each(Object.entries(told))("%s", (_, check) => check());
});
