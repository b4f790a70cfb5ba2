/** The metadata server of one VM, on the VM's own address: what `metadata.google.internal` is on Compute Engine. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { fnv1a64 } from "#base/hash.ts";
import { toHex } from "#base/random.ts";
import type { FleetInstance } from "#instances/fleet.ts";
import { type Directory, isDirectory, type Leaf, leafText, listing, metadataTree, nodeAt, recursiveText, toJson } from "./tree.ts";

export interface MetadataServer {
  /** `address:port`. */
  readonly host: string;
  close(): Promise<void>;
}

export interface MetadataAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface MetadataRequest {
  readonly method: string;
  /** Path with query. */
  readonly target: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** Serves the tree of one instance on a free port of its address. */
export async function startMetadataServer(instance: FleetInstance, address: string): Promise<MetadataServer> {
  const root = metadataTree(instance, address);
  const server = createServer((request, response) => respond(root, request, response));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: address, port: 0, exclusive: true }, () => resolve());
  });
  // It must not keep our own process alive.
  server.unref();
  const { port } = server.address() as AddressInfo;
  return { host: `${address}:${port}`, close: () => close(server) };
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function respond(root: Directory, request: IncomingMessage, response: ServerResponse): void {
  const answer = answerMetadata(root, { method: request.method ?? "", target: request.url ?? "/", headers: request.headers });
  const send = (): void => void response.writeHead(answer.status, answer.headers).end(request.method === "HEAD" ? undefined : answer.body);
  const delay = answer.status === 200 ? waitMs(request.url ?? "/", answer.headers["etag"]) : 0;
  if (delay === 0) return send();
  const timer = setTimeout(send, delay);
  response.once("close", () => clearTimeout(timer));
}

/** Longest that a request which waits for a change is held. */
const maxWaitMs = 3_600_000;

/** `wait_for_change`: nothing of an instance here ever changes, so it is the whole of `timeout_sec`, unless the caller knew something else. */
export function waitMs(target: string, etag: string | undefined): number {
  const query = parseTarget(target)?.searchParams;
  if (query?.get("wait_for_change") !== "true") return 0;
  const last = query.get("last_etag");
  if (last !== null && last !== etag) return 0;
  const seconds = Number(query.get("timeout_sec") ?? "Infinity");
  return seconds > 0 ? Math.min(seconds * 1000, maxWaitMs) : 0;
}

/**
 * Answers as Google's server does: `Metadata-Flavor: Google` is asked for, so that no web page and no open proxy can read it,
 * and a request that says it was forwarded is refused.
 */
export function answerMetadata(root: Directory, request: MetadataRequest): MetadataAnswer {
  const url = parseTarget(request.target);
  if (url === undefined) return plain(400, "Bad Request");
  if (request.method !== "GET" && request.method !== "HEAD") return plain(405, "Method Not Allowed");
  const keys = url.pathname.split("/").filter((key) => key !== "");
  if (keys.length > 0 && request.headers["metadata-flavor"] !== "Google") {
    return plain(403, "Missing required header: Metadata-Flavor: Google");
  }
  if (request.headers["x-forwarded-for"] !== undefined) return plain(403, "X-Forwarded-For is not allowed");
  if (keys.length < 2) return above(keys, url);
  if (keys[0] !== "computeMetadata" || keys[1] !== "v1") return plain(404, "Not Found");
  const node = nodeAt(root, keys.slice(2).map(decode));
  if (node === undefined) return plain(404, "Not Found");
  return isDirectory(node) ? directoryAnswer(node, url) : leafAnswer(node, { key: keys.at(-1) ?? "", url });
}

function directoryAnswer(node: Directory, url: URL): MetadataAnswer {
  const alt = url.searchParams.get("alt");
  if (url.searchParams.get("recursive") === "true") return alt === "text" ? text(recursiveText(node)) : json(toJson(node));
  if (!url.pathname.endsWith("/")) return moved(url);
  return alt === "json" ? json(toJson(node)) : text(listing(node));
}

function leafAnswer(leaf: Leaf, { key, url }: { key: string; url: URL }): MetadataAnswer {
  // A token is a JSON document whatever is asked for.
  if (key === "token") return json(String(leaf));
  return url.searchParams.get("alt") === "json" ? json(toJson(leaf)) : text(leafText(leaf, key));
}

/** Undefined when the request line held no path. */
function parseTarget(target: string): URL | undefined {
  const whole = `http://metadata${target}`;
  return target.startsWith("/") && URL.canParse(whole) ? new URL(whole) : undefined;
}

/** The directories above `computeMetadata/v1/`. */
function above(keys: readonly string[], url: URL): MetadataAnswer {
  if (keys.length === 0) return text("computeMetadata/\n");
  if (keys[0] !== "computeMetadata") return plain(404, "Not Found");
  return url.pathname.endsWith("/") ? text("v1/\n") : moved(url);
}

function moved(url: URL): MetadataAnswer {
  const { status, headers, body } = answer(301, "text/html", "Moved Permanently\n");
  return { status, headers: { ...headers, location: `${url.pathname}/${url.search}` }, body };
}

function decode(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}

function text(body: string): MetadataAnswer {
  return answer(200, "application/text", body);
}

function json(body: string): MetadataAnswer {
  return answer(200, "application/json", body);
}

function plain(status: number, message: string): MetadataAnswer {
  return answer(status, "text/plain", `${message}\n`);
}

function answer(status: number, type: string, body: string): MetadataAnswer {
  const etag = toHex(fnv1a64(body));
  return { status, headers: { "content-type": type, "metadata-flavor": "Google", etag }, body };
}
