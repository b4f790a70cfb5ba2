/** Probes of instances that only their tunnels reach. */
import { expect, test } from "vitest";
import type { ProbeSpec } from "#instances/group/spec.ts";
import { probe } from "#instances/health/probe.ts";
import { tunnelNet } from "#instances/health/tunnel-net.ts";
import { failureAnswer } from "#tunnel/fetch.ts";
import { httpProbe } from "../group/specs.ts";

const target = { address: "web-1.web.us-central1-a.tunnel", port: 8080 };

function outcomeOf(spec: Partial<ProbeSpec>, answer: () => Response) {
  const asked: string[] = [];
  const getByName = (name: string) => ({
    fetch: async (url: string) => {
      asked.push(`${name} ${url}`);
      return answer();
    },
  });
  return { asked, outcome: probe(tunnelNet({ getByName }, "demo"), { ...httpProbe, timeoutMs: 2000, ...spec }, target) };
}

test("go to the tunnel of their instance", async () => {
  const { asked, outcome } = outcomeOf({}, () => new Response("ok"));
  expect(await outcome).toEqual({ ok: true });
  expect(asked).toEqual(["demo/zones/us-central1-a/instanceGroups/web/web-1 http://web-1.web.us-central1-a.tunnel:8080/healthz"]);
});

test.each<[string, Partial<ProbeSpec>, () => Response, object]>([
  ["an application that is not well", {}, () => new Response(null, { status: 500 }), { ok: false, reached: true }],
  ["no tunnel", {}, () => failureAnswer("connection_refused", "the instance has no tunnel"), { ok: false, reached: false }],
  ["TCP, when the application answers whatever", { type: "TCP", tcp: {} }, () => new Response(null, { status: 500 }), { ok: true }],
  ["TCP without a tunnel", { type: "TCP", tcp: {} }, () => failureAnswer("connection_refused", ""), { ok: false, reached: false }],
  ["TCP that is to exchange text", { type: "TCP", tcp: { request: "PING" } }, () => new Response("ok"), { ok: false, reached: false }],
])("%s", async (_what, spec, answer, expected) => {
  expect(await outcomeOf(spec, answer).outcome).toMatchObject(expected);
});
