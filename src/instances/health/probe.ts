import { messageOf } from "#base/errors.ts";
import type { ProbeSpec } from "../group/spec.ts";
import type { ProbeOutcome } from "./plan.ts";

/** Makes one health probe over the network binding, as Google's probers do: HTTP and HTTPS must answer 200, TCP must connect. */

export interface NetSocket {
  readonly opened: Promise<unknown>;
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  close(): Promise<void>;
}

/** A network binding: the address in the URL decides where the connection goes. */
export interface Net {
  fetch(url: string, init: RequestInit): Promise<Response>;
  connect(address: string): NetSocket;
}

export interface Target {
  readonly address: string;
  readonly port: number;
}

/** Google reads no more of an answer than this. */
const readLimit = 1024;

/** Probes once; never throws, and answers within the timeout of the specification. */
export async function probe(net: Net, spec: ProbeSpec, target: Target): Promise<ProbeOutcome> {
  const signal = AbortSignal.timeout(spec.timeoutMs);
  try {
    return spec.type === "TCP" ? await probeTcp(net, { spec, target, signal }) : await probeHttp(net, { spec, target, signal });
  } catch (thrown) {
    const why = signal.aborted ? `no answer within ${spec.timeoutMs} ms` : messageOf(thrown);
    return { ok: false, reached: false, why };
  }
}

interface Attempt {
  readonly spec: ProbeSpec;
  readonly target: Target;
  readonly signal: AbortSignal;
}

/**
 * `fetch` always sends the address as Host, so a health check's `host` travels as `x-forwarded-host`; an agent's inbound listener restores it.
 * A redirect is an answer that is not 200: nothing is followed.
 */
async function probeHttp(net: Net, { spec, target, signal }: Attempt): Promise<ProbeOutcome> {
  const scheme = spec.type === "HTTPS" ? "https" : "http";
  const headers: Record<string, string> = { "user-agent": "Wayside-HC/1.0", accept: "*/*" };
  if (spec.http?.host) headers["x-forwarded-host"] = spec.http.host;
  const url = `${scheme}://${authority(target)}${spec.http?.path ?? "/"}`;
  const response = await net.fetch(url, { redirect: "manual", headers, signal });
  const expected = spec.http?.response;
  if (response.status !== 200 || expected === undefined || expected === "") {
    await response.body?.cancel();
    return response.status === 200 ? { ok: true } : unhealthy(`status ${response.status} instead of 200`);
  }
  const body = response.body ? await readUntil(response.body, (text) => text.includes(expected), signal) : "";
  return body.includes(expected) ? { ok: true } : unhealthy(`the first ${readLimit} bytes lack the expected response`);
}

async function probeTcp(net: Net, { spec, target, signal }: Attempt): Promise<ProbeOutcome> {
  const socket = net.connect(authority(target));
  try {
    await orAborted(socket.opened, signal);
    const { request, response: expected } = spec.tcp ?? {};
    if (request) {
      const writer = socket.writable.getWriter();
      await orAborted(writer.write(new TextEncoder().encode(request)), signal);
    }
    if (!expected) return { ok: true };
    const text = await readUntil(socket.readable, (read) => read.length >= expected.length || !expected.startsWith(read), signal);
    return text.startsWith(expected) ? { ok: true } : unhealthy("the answer is not the expected response");
  } finally {
    // A connection that never opened refuses to close; there is nothing left to do about either.
    socket.close().catch(() => undefined);
  }
}

/** Text read until `enough`, the end, or the limit. Bytes are taken as Latin-1, so that no byte is lost at a boundary. */
async function readUntil(stream: ReadableStream<Uint8Array>, enough: (text: string) => boolean, signal: AbortSignal): Promise<string> {
  const reader = stream.getReader();
  let text = "";
  try {
    while (text.length < readLimit && !enough(text)) {
      const { done, value } = await orAborted(reader.read(), signal);
      if (done) break;
      text = (text + String.fromCharCode(...value.subarray(0, readLimit))).slice(0, readLimit);
    }
    return text;
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

/** The promise's result, or a rejection as soon as the time is up. */
function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(new Error("timed out"));
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

function authority({ address, port }: Target): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

function unhealthy(why: string): ProbeOutcome {
  return { ok: false, reached: true, why };
}
