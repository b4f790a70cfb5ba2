/** Sessions name a group and prove nothing; instances are spread over Lease objects. */
import { expect, test } from "vitest";
import { seededRandom } from "#base/random.ts";
import { groupOfSession, leaseObjectName, newSession } from "#instances/lease/session.ts";

const group = "zones/us-central1-a/instanceGroups/payments";

test("a session tells its group, and no two are the same", () => {
  const random = seededRandom(1);
  const [one, other] = [newSession(group, random), newSession(group, random)];
  expect(groupOfSession(one)).toBe(group);
  expect(one).not.toBe(other);
  expect(one).toMatch(/^[\w-]+$/);
});

test.each(["", "wls_", "wls_###_00", `wls_aaaaa_${"0".repeat(31)}`, "Bearer x", "wjt_abc", `wls_a_${"0".repeat(32)}`])(
  "%s is no session",
  (text) => {
    expect(groupOfSession(text)).toBeUndefined();
  },
);

test("10,000 instances are spread so that no object has more than a third of them", () => {
  const counts = Map.groupBy(
    Array.from({ length: 10_000 }, (_, index) => `vm-${index}`),
    (name) => leaseObjectName("p", group, name),
  );
  expect(counts.size).toBe(4);
  for (const [name, names] of counts) {
    expect(name).toMatch(/^p\/zones\/us-central1-a\/instanceGroups\/payments#[0-3]$/);
    expect(names.length).toBeLessThan(3334);
  }
});
