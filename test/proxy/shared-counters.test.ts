import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { counterBindings, type CounterBindings, countersOf, partsOf } from "#proxy/shared-counters.ts";

/** Bindings that count as Cloudflare's do within one period; bindings of one namespace count together. */
function bindings(): { env: CounterBindings; asked: string[] } {
  const counts = new Map<string, number>();
  const asked: string[] = [];
  const all = counterBindings.map(({ name, namespace, requests }) => {
    const limit = async ({ key }: { readonly key: string }): Promise<{ success: boolean }> => {
      asked.push(`${name} ${key}`);
      const count = (counts.get(`${namespace} ${key}`) ?? 0) + 1;
      counts.set(`${namespace} ${key}`, count);
      return { success: count <= requests };
    };
    return [name, { limit }];
  });
  return { env: Object.fromEntries(all) as CounterBindings, asked };
}

const limitOf = (requests: number, key = "httpRoutes/a#0") => ({ key, requests, periodSec: 10 }) as const;

describe("numbers as sums", () => {
  test("every number that a limit may have is the sum of its parts", () =>
    fc.assert(fc.property(fc.integer({ min: 1, max: 100_000 }), (number) => partsOf(number).reduce((a, b) => a + b, 0) === number)));

  test.each([
    [1, [1]],
    [20, [20]],
    [100, [100]],
    [25, [20, 5]],
    [600, [500, 100]],
    [99, [50, 20, 20, 5, 2, 2]],
    [100_000, [50_000, 50_000]],
  ])("%i", (number, parts) => expect(partsOf(number)).toEqual(parts));
});

test("names and namespaces are apart, and of Cloudflare's form", () => {
  expect(new Set(counterBindings.map(({ name }) => name)).size).toBe(counterBindings.length);
  expect(new Set(counterBindings.map(({ namespace }) => namespace)).size).toBe(counterBindings.length);
  for (const { name, namespace } of counterBindings) {
    expect(name).toMatch(/^[A-Z0-9_]+$/);
    expect(Number(namespace)).toBeLessThan(2 ** 31);
  }
});

describe("counting", () => {
  test.each([1, 4, 20, 99, 250])("%i come through, and not one more, for each value", async (requests) => {
    const take = countersOf("p", bindings().env);
    let passed = 0;
    for (let index = 0; index < requests + 20; index++) if ((await take?.(limitOf(requests), "a")) === true) passed += 1;
    expect(passed).toBe(requests);
    expect(await take?.(limitOf(requests), "b")).toBe(true);
  });

  test("proxies with the same bindings count together; projects and limits do not", async () => {
    const { env } = bindings();
    const [one, other, elsewhere] = [countersOf("p", env), countersOf("p", env), countersOf("q", env)];
    expect([await one?.(limitOf(2), "a"), await other?.(limitOf(2), "a"), await one?.(limitOf(2), "a")]).toEqual([true, true, false]);
    expect(await elsewhere?.(limitOf(2), "a")).toBe(true);
    expect(await one?.(limitOf(2, "httpRoutes/b#0"), "a")).toBe(true);
  });

  test("a request within a round limit asks once; keys have an end", async () => {
    const { env, asked } = bindings();
    const take = countersOf("p", env);
    await take?.(limitOf(100), "x".repeat(5_000));
    expect(asked).toEqual([expect.stringMatching(/^RATE_100_PER_10S p httpRoutes\/a#0 [0-9a-f]{1,16}$/)]);
  });

  test("parts of one size are not confused with values that look like them", async () => {
    const take = countersOf("p", bindings().env);
    // 4 = 2 + 2
    for (let index = 0; index < 4; index++) await take?.(limitOf(4), "a");
    expect(await take?.(limitOf(4), "/1 a")).toBe(true);
    expect(await take?.(limitOf(4), "a")).toBe(false);
  });

  test("there is none without all bindings", () => {
    const { [counterBindings[0]?.name ?? "RATE_1_PER_10S"]: _gone, ...rest } = bindings().env;
    expect([countersOf("p", {}), countersOf("p", rest)]).toEqual([undefined, undefined]);
  });
});
