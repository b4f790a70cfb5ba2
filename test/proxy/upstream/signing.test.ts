/** Attempts to groups with an inbound key are signed, each for itself; all others are what they were. */
import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { seededRandom } from "#base/random.ts";
import { importSigningKey, parseSignature, signatureHeader, signedText } from "#base/request-signature.ts";
import { ClusterStates } from "#proxy/balance/clusters.ts";
import { callUpstream } from "#proxy/upstream/call.ts";
import { HeadSlots } from "#proxy/upstream/head-slots.ts";
import { Lifetime } from "#proxy/upstream/lifetime.ts";
import { cluster, endpoint, group, ManualClock, routeTo, rule, snapshot } from "../fixture.ts";
import { service, setUp } from "../in-process.ts";

const key = "a-key-of-the-group";

interface Sent {
  readonly headers: Headers;
}

async function send(groups: ReturnType<typeof group>[], failures: number): Promise<{ sent: Sent[]; headers: Headers }> {
  const clock = new ManualClock();
  const state = new ClusterStates(seededRandom(5), clock).of(new Map([["app", cluster("app", groups)]]), "app");
  const imported = await importSigningKey(key);
  if (!state || !imported) throw new Error("no state");
  const headers = new Headers({ "x-forwarded-host": "cart.shop.mesh" });
  const sent: Sent[] = [];
  const lifetime = new Lifetime({ timeoutMs: 0 }, clock, undefined);
  lifetime.sent();
  const body = { forAttempt: () => null, isReplayable: true, whole: Promise.resolve(null) };
  const retry = { conditions: ["5xx"], retries: 3 } as const;
  await callUpstream(
    { state, preference: {}, method: "PUT", path: '/a"?b#c', headers, body, retry, signingKeys: new Map([["cart-key", imported]]) },
    {
      fetchFor: () => async (_, init) => {
        sent.push({ headers: init.headers });
        return new Response(null, { status: sent.length > failures ? 200 : 503 });
      },
      lifetime,
      clock,
      slots: new HeadSlots(),
      random: seededRandom(1),
      observe: () => () => undefined,
    },
  );
  lifetime.close();
  return { sent, headers };
}

const vms = [endpoint("a", "10.0.0.1"), endpoint("b", "10.0.0.2")];

describe("an attempt", () => {
  test("is signed with the key of its group, over what stands on the wire, each anew", async () => {
    const { sent, headers } = await send([{ ...group("g", vms), inboundKey: "cart-key" }], 1);
    expect(sent.length).toBe(2);
    const macs = sent.map((each) => {
      const signature = parseSignature(each.headers.get(signatureHeader) ?? "");
      if (!signature) throw new Error("no signature");
      const text = signedText({ method: "PUT", authority: "cart.shop.mesh", target: "/a%22?b" }, signature);
      expect(signature.mac).toBe(createHmac("sha256", key).update(text).digest("hex"));
      expect(signature.timeSec).toBe(1_000);
      return signature.mac;
    });
    expect(new Set(macs).size).toBe(2);
    expect(headers.has(signatureHeader)).toBe(false);
  });

  test("to another group is sent with the very headers of the request", async () => {
    const { sent, headers } = await send([group("g", vms)], 0);
    expect(sent[0]?.headers).toBe(headers);
    expect(headers.has(signatureHeader)).toBe(false);
  });
});

describe("a service whose key", () => {
  const signed = (version: number | null) =>
    snapshot(service, [rule("/", routeTo("app"))], {
      backends: [cluster("app", [{ ...group("g", vms), inboundKey: "cart-key" }])],
      secrets: [{ name: "cart-key", version }],
    });

  test("is not available costs 503", async () => {
    const { ask } = setUp(signed(null), () => Promise.reject(new Error("nothing is sent")));
    const response = await ask("/");
    expect([response.status, response.headers.get("x-wayside-reason")]).toEqual([503, "secret_unavailable"]);
    expect(await response.text()).toContain("needs secret cart-key");
  });
});
