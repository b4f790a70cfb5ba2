/** The control API over plain HTTP, as any program would use it. */

export interface Answer {
  readonly status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read arbitrary answers; each asserts what it reads
  readonly body: any;
}

/** One call; the body is sent as JSON. */
export async function call(origin: string, method: string, path: string, body?: unknown): Promise<Answer> {
  const response = await fetch(new URL(path, origin), {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });
  const text = await response.text();
  return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
}

/** One call that must succeed. */
export async function must(origin: string, method: string, path: string, body?: unknown): Promise<Answer["body"]> {
  const answer = await call(origin, method, path, body);
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
}

/** Asks until `probe` gives something other than undefined or false; throws with `what` and the last error after the deadline. */
export async function until<T>(what: string, deadlineMs: number, probe: () => Promise<T | undefined | false>): Promise<T> {
  const end = performance.now() + deadlineMs;
  let last: unknown = "no answer yet";
  while (performance.now() < end) {
    try {
      const found = await probe();
      if (found !== undefined && found !== false) return found;
    } catch (failure) {
      last = failure;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${what}: not within ${deadlineMs} ms (${String(last)})`);
}
