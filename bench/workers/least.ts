/**
 * The least that a proxy does to a request, whatever its configuration: headers of its own, a deadline, the caller's abort passed on, and a
 * response of its own. What the proxy costs beyond it is the proxy's doing; what it costs itself is the runtime's.
 */

interface Env {
  readonly NET: { fetch(url: string, init: object): Promise<Response> };
  /** Origin of the upstream. */
  readonly UPSTREAM: string;
}

const timeoutMs = 30_000;

// oxlint-disable-next-line import/no-default-export -- a Worker's entry
export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { method, url } = request;
    const headers = new Headers(request.headers);
    headers.append("x-forwarded-for", "127.0.0.1");
    headers.set("x-forwarded-proto", "http");
    headers.set("x-forwarded-host", "bench.mesh");
    headers.append("via", "1.1 wayside");
    headers.set("traceparent", `00-${"1".repeat(32)}-${"1".repeat(16)}-00`);
    if (!headers.has("accept-encoding")) headers.set("accept-encoding", "identity");
    const controller = new AbortController();
    const stop = (): void => controller.abort();
    request.signal.addEventListener("abort", stop);
    setTimeout(stop, timeoutMs);
    const init = { method, headers, redirect: "manual", signal: controller.signal, encodeResponseBody: "manual" };
    const upstream = await env.NET.fetch(env.UPSTREAM + url.slice(url.indexOf("/", 8)), init);
    const response = new Response(upstream.body, upstream);
    response.headers.append("via", "1.1 wayside");
    return response;
  },
};
