import type { MirrorPolicy } from "#ir/route.ts";
import { askAsTheCaller } from "#proxy/filters/forwarding.ts";
import { applyAll } from "#proxy/filters/header-actions/apply.ts";
import { within } from "#base/within.ts";
import type { ClusterState } from "./balance/clusters.ts";
import type { ProxyDependencies } from "./dependencies.ts";
import { headerSources } from "./header-sources.ts";
import type { Routed } from "./serving.ts";
import type { RequestBody } from "./upstream/body.ts";
import { callUpstream } from "./upstream/call.ts";
import type { HeadSlots } from "./upstream/head-slots.ts";
import { Lifetime } from "./upstream/lifetime.ts";
import { signingKeysOf } from "./upstream/signing.ts";

/** Google's `requestMirrorPolicy`: a copy of the request goes to another backend service, and nothing comes of it for the caller. */

/** What the copy has in common with its request. */
interface Original {
  readonly body: RequestBody;
  readonly slots: HeadSlots;
  /** The caller's headers as an application is to get them, before the mutations of rules. */
  readonly headersFor: (routed: Routed) => Headers;
}

/** How long a copy may take where its route has no timeout. */
const longestMs = 15_000;

/**
 * Sends a copy of the share of requests that the policy asks for, in the background. Copied are requests without a body and those whose body
 * is at most 64 KiB (as Envoy, which mirrors what fits its buffer); not those of a WebSocket. The copy carries the rule's header actions and
 * the mirror's own custom headers, never those of the destination, and is not sent where one of its secrets is missing.
 */
export function mirror(routed: Routed, original: Original, dependencies: ProxyDependencies): void {
  const { mirror: policy } = routed.chosen.decision.action;
  if (!policy || dependencies.random.float() * 100 >= policy.percent || routed.request.headers.has("upgrade")) return;
  const state = routed.clusters.of(routed.config.compiled.clusters, policy.cluster);
  if (!state) return;
  const headers = copiedHeaders(routed, { state, original }, dependencies);
  if (headers) routed.background(send({ routed, original, policy, state, headers }, dependencies));
}

function copiedHeaders(
  routed: Routed,
  { state, original }: { readonly state: ClusterState; readonly original: Original },
  { options }: ProxyDependencies,
): Headers | undefined {
  const headers = original.headersFor(routed);
  const { decision } = routed.chosen;
  const sources = headerSources(routed, options.callerAddress);
  const outcome = applyAll(headers, [...decision.requestHeaders, state.cluster.requestHeaders], sources);
  if (outcome.kind === "secret_unavailable") return undefined;
  headers.set("x-forwarded-host", shadowOf(decision.authority));
  askAsTheCaller(headers);
  return headers;
}

/** Google, Envoy: the host has `-shadow` behind it, before the port. */
function shadowOf(authority: string): string {
  return authority.replace(/(:\d+)?$/, "-shadow$1");
}

interface Copy {
  readonly routed: Routed;
  readonly original: Original;
  readonly policy: MirrorPolicy;
  readonly state: ClusterState;
  readonly headers: Headers;
}

/** Never rejects. */
async function send(copy: Copy, { clock, fetchFor, random }: ProxyDependencies): Promise<void> {
  const { routed, original, state, headers } = copy;
  const { decision } = routed.chosen;
  const timeoutMs = decision.action.timeoutMs > 0 ? decision.action.timeoutMs : longestMs;
  // A body that no attempt reads to its end never is whole.
  const bytes = await within("the request's body", timeoutMs, () => original.body.whole).catch(() => undefined);
  if (bytes === undefined) return;
  const body: RequestBody = { forAttempt: () => bytes, isReplayable: false, whole: Promise.resolve(bytes) };
  const signingKeys = state.inboundKeys && (await signingKeysOf(state.inboundKeys, routed.config.secrets));
  if (signingKeys && "missing" in signingKeys) return;
  const call = {
    state,
    preference: {},
    method: routed.view.method,
    path: decision.target,
    headers,
    body,
    ...(signingKeys && { signingKeys }),
  };
  const lifetime = new Lifetime({ timeoutMs }, clock, undefined);
  lifetime.sent();
  const observe = (target: Parameters<Copy["routed"]["recorder"]["mirror"]>[0]): ReturnType<Copy["routed"]["recorder"]["mirror"]> =>
    routed.recorder.mirror(target, state.cluster.name, headers);
  const result = await callUpstream(call, { fetchFor, lifetime, clock, random, slots: original.slots, observe });
  if (result.kind === "response") {
    // Read to its end, so that the mirrored application sees nothing unusual either.
    await result.response.body?.pipeTo(new WritableStream()).catch(() => undefined);
    result.over();
  }
  lifetime.close();
}
