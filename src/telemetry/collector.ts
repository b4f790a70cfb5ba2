const timeoutMs = 2_000;

/**
 * A sender to an OTLP/HTTP collector: one JSON body to `${url}/v1/traces`, true when the collector took it. Never throws, and gives up after 2 s.
 */
export function collector(url: string): (body: string) => Promise<boolean> {
  const endpoint = `${url.replace(/\/+$/, "")}/v1/traces`;
  return async (body) => {
    try {
      const headers = { "content-type": "application/json" };
      const response = await fetch(endpoint, { method: "POST", headers, body, redirect: "manual", signal: AbortSignal.timeout(timeoutMs) });
      await response.body?.cancel();
      return response.ok;
    } catch {
      return false;
    }
  };
}
