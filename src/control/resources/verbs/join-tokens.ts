import type { JsonObject } from "#base/json.ts";
import { randomHex } from "#base/random.ts";
import { isPublicKey } from "#base/signing.ts";
import { UserError } from "#base/errors.ts";
import { leaseKey, type InstanceLease } from "#control/compiler/membership.ts";
import { defaultTerms, heartbeatIntervalSec } from "#instances/lease/lease.ts";
import { admit, longestTtlSec, redeem, rememberedMs, type JoinToken } from "../../enrolment/tokens.ts";
import type { Change } from "../../command.ts";
import type { StoredResource } from "../../store/store.ts";
import { objectIn, wholeIn } from "../body-fields.ts";
import type { Call, Result, Verb } from "../context.ts";
import { putResource } from "../draft.ts";
import { alreadyExists, invalid, notFound, required } from "../faults.ts";
import { findGroup } from "../membership.ts";
import { isDrained, leaseOf, putLease } from "../membership-state.ts";
import { scopeOf } from "../names.ts";
import { groupIn, instanceKeyOf, putRegistration, registrationOf, type Registration } from "./registration.ts";

/**
 * Join tokens, and what they are for. The HTTP layer makes the secret and sends its hash (`sha256`); `redeem` is the one verb here that
 * needs no role: the token is the credential.
 */
export const joinTokenVerbs: ReadonlyMap<string, Verb> = new Map<string, Verb>([
  ["insert", { method: "POST", on: "collection", mutates: true, run: insert }],
  ["list", { method: "GET", on: "collection", mutates: false, run: (call) => ({ answer: { joinTokens: live(call).map(shown) } }) }],
  ["delete", { method: "DELETE", on: "resource", mutates: true, run: remove }],
  ["redeem", { method: "POST", on: "collection", mutates: true, run: join }],
]);

const collection = "joinTokens";

function insert(call: Call): Result {
  const body = objectIn(call, "group");
  const { sha256 } = body;
  const group = groupIn(call, body);
  if (group.kind !== "unmanaged") {
    throw invalid("group", group.key, "VMs join unmanaged instance groups; a managed group makes its own.");
  }
  const { clock, random } = call.context;
  const ttlSec = wholeIn(body, "ttlSec", [1, longestTtlSec]) ?? longestTtlSec;
  const token: JoinToken = {
    group: group.key,
    sha256: typeof sha256 === "string" ? sha256 : "",
    expiresAtMs: clock.now() + ttlSec * 1000,
    usesLeft: wholeIn(body, "uses", [1, 1000]) ?? 1,
    admitted: [],
    ttlSec: wholeIn(body, "leaseTtlSec", [3, 3600]) ?? defaultTerms.ttlSec,
    collectAfterSec: wholeIn(body, "collectAfterSec", [1, 31_536_000]) ?? defaultTerms.collectAfterSec,
  };
  const name = `join-${randomHex(random, 4)}`;
  const forgotten = forgetOld(call);
  const stored = putToken(call, token, { name });
  return { answer: shown(stored), changes: [...forgotten, { key: stored.key, kind: "created" }] };
}

function remove(call: Call): Result {
  const { project, name = "" } = call.command;
  const key = `${collection}/${name}`;
  if (!call.context.store.get(key)) throw notFound(project, key);
  call.context.store.delete(key);
  return { answer: {}, changes: [{ key, kind: "deleted" }] };
}

/** Lets a VM in: a registration with an identity. */
function join(call: Call): Result {
  const body = objectIn(call, "token");
  const { store, clock } = call.context;
  const publicKey = body["publicKey"];
  if (typeof publicKey !== "string") throw required("publicKey");
  if (!isPublicKey(publicKey)) throw invalid("publicKey", publicKey, "It must be an Ed25519 public key: base64url of 32 bytes.");
  const stored = store.list(collection).find(({ resource }) => tokenOf(resource).sha256 === body["sha256"]);
  const token = stored && tokenOf(stored.resource);
  const group = token && findGroup(call, token.group);
  const known = (name: string): InstanceLease | undefined => group && leaseOf(call, leaseKey(scopeOf(group.key), name));
  const redeemed = redeem(
    group && token,
    {
      publicKey,
      group: body["group"] === undefined ? undefined : groupIn(call, body).key,
      isMember: (name) => known(name)?.publicKey === publicKey,
    },
    clock.now(),
  );
  if (!stored || !token || !group) throw new Error("a token that is not there was redeemed");
  const named = redeemed.kind === "again" ? { ...body, name: redeemed.name } : body;
  const registration = registrationOf(call, named, group);
  refuseTaken(call, registration, publicKey);
  const before = known(registration.name);
  const { changes, id } = putRegistration(call, registration, { leased: true });
  const enrolment = before?.enrolment ?? randomHex(call.context.random, 8);
  const { ttlSec, collectAfterSec } = token;
  const lease: InstanceLease = { ...before, group: group.key, publicKey, enrolment, ttlSec, collectAfterSec };
  const leased = putLease(call, registration.name, lease);
  if (redeemed.kind === "admitted")
    putToken(call, admit(redeemed.token, publicKey, registration.name), { name: stored.name, before: stored });
  const used: Change[] = redeemed.kind === "admitted" ? [{ key: stored.key, kind: "updated" }] : [];
  return { answer: joined(call, registration, { id, ttlSec }), changes: [...changes, leased, ...used] };
}

function joined(call: Call, { group, name }: Registration, { id, ttlSec }: { id: string | undefined; ttlSec: number }): JsonObject {
  return {
    project: call.command.project,
    group: group.key,
    zone: group.zone,
    name,
    ...(id === undefined ? {} : { id }),
    drained: isDrained(call, group.key, name),
    heartbeatIntervalSec: heartbeatIntervalSec(ttlSec),
    leaseTtlSec: ttlSec,
  };
}

/** A name belongs to the key that registered it, and to nobody else while it is registered. */
function refuseTaken(call: Call, registration: Registration, publicKey: string): void {
  const key = instanceKeyOf(registration);
  if (!call.context.store.get(key)) return;
  const lease = leaseOf(call, leaseKey(scopeOf(key), registration.name));
  if (lease?.publicKey !== publicKey) throw alreadyExists(call.command.project, key);
  if (lease.group === registration.group.key) return;
  throw new UserError({
    code: "alreadyExists",
    field: "group",
    message: `The instance '${registration.name}' is registered in the group '${lease.group}'; it must leave that before it joins another.`,
  });
}

function live(call: Call): StoredResource[] {
  const now = call.context.clock.now();
  return call.context.store.list(collection).filter(({ resource }) => tokenOf(resource).expiresAtMs > now);
}

function forgetOld(call: Call): Change[] {
  const { store, clock } = call.context;
  const old = store.list(collection).filter(({ resource }) => tokenOf(resource).expiresAtMs + rememberedMs < clock.now());
  return old.map(({ key }) => {
    store.delete(key);
    return { key, kind: "deleted" };
  });
}

function tokenOf(resource: JsonObject): JoinToken {
  return resource as unknown as JoinToken;
}

function putToken(call: Call, token: JoinToken, at: { readonly name: string; readonly before?: StoredResource }): StoredResource {
  const { name, before } = at;
  // Plain data, which is JSON.
  const resource = token as unknown as JsonObject;
  return putResource(call, { key: `${collection}/${name}`, collection, ...(before && { before }) }, { resource, references: [] });
}

/** Never the hash: nobody has a use for it. */
function shown({ name, resource }: StoredResource): JsonObject {
  const { group, expiresAtMs, usesLeft, ttlSec, collectAfterSec } = tokenOf(resource);
  return { name, group, expireTime: new Date(expiresAtMs).toISOString(), usesLeft, leaseTtlSec: ttlSec, collectAfterSec };
}
