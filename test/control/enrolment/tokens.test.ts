/** Whom a join token lets in. */
import { expect, test } from "vitest";
import { admit, redeem, type JoinToken, type Redeeming } from "#control/enrolment/tokens.ts";

const token: JoinToken = {
  group: "zones/z/instanceGroups/g",
  sha256: "hash",
  expiresAtMs: 1000,
  usesLeft: 1,
  admitted: [],
  ttlSec: 30,
  collectAfterSec: 60,
};
const used = admit({ ...token, usesLeft: 0 }, "key", "vm");
const asked: Redeeming = { publicKey: "key", group: undefined, isMember: () => true };

test.each<[string, JoinToken | undefined, Partial<Redeeming>, number, string]>([
  ["a new one lets in", token, {}, 0, "admitted"],
  ["its own group may be named", token, { group: token.group }, 0, "admitted"],
  ["the same key again is the same answer", used, {}, 0, "again"],
  ["and so after its time", used, {}, 2000, "again"],
  ["another key is too many", used, { publicKey: "other" }, 0, "has been used"],
  ["the same key that has left is too many", used, { isMember: () => false }, 0, "has been used"],
  ["two uses let in two", { ...used, usesLeft: 1 }, { publicKey: "other" }, 0, "admitted"],
  ["its last millisecond counts", token, {}, 999, "admitted"],
  ["then it is over", token, {}, 1000, "expired at 1970-01-01T00:00:01.000Z"],
  ["an unknown one does not let in", undefined, {}, 0, "not known here"],
  ["another group is named", token, { group: "zones/z/instanceGroups/h" }, 0, "is for the group 'zones/z/instanceGroups/g'"],
])("%s", (_, given, more, now, outcome) => {
  const attempt = (): string => redeem(given, { ...asked, ...more }, now).kind;
  if (outcome === "admitted" || outcome === "again") expect(attempt()).toBe(outcome);
  else expect(attempt).toThrow(outcome);
});

test("each use counts", () => {
  const redeemed = redeem({ ...token, usesLeft: 3 }, asked, 0);
  expect(redeemed).toMatchObject({ kind: "admitted", token: { usesLeft: 2 } });
});
