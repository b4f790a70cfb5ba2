/**
 * What agents call, with a join token, a signature or a session in the place of an API token: `join` goes to the Project object, `connect`
 * and `heartbeat` to the Lease object of the instance, so that nothing that VMs do all the time passes through the project.
 */
import { UserError } from "#base/errors.ts";
import { sha256Hex } from "#base/hash.ts";
import { isJsonObject, type Json, type JsonObject } from "#base/json.ts";
import type { Random } from "#base/random.ts";
import { toBase64Url } from "#base/signing.ts";
import { heartbeatIntervalSec, type ConnectRequest, type LeaseControl } from "#instances/lease/lease.ts";
import { groupOfSession, leaseObjectName } from "#instances/lease/session.ts";
import type { Command, Outcome } from "../command.ts";
import type { Caller } from "./authorize.ts";
import { readBody } from "./body.ts";
import { checkProject, wrongMethod } from "./paths.ts";

export type AgentLeases = Pick<LeaseControl, "openSession" | "heartbeat" | "lastHeartbeat" | "authorize">;

interface AgentDeps {
  readonly run: (command: Command) => Promise<Outcome>;
  readonly lease: (name: string) => AgentLeases;
  readonly random: Random;
}

interface AgentCall {
  readonly project: string;
  readonly body: JsonObject;
  readonly bearer: string | undefined;
  readonly address: string | undefined;
}

const calls = { join, connect, heartbeat } as const;

/** Answers an agent's call; undefined when the request is something else. */
export async function serveAgent(deps: AgentDeps, request: Request): Promise<Outcome | undefined> {
  const match = /^\/wayside\/v1\/projects\/([^/]+)\/(join|connect|heartbeat)$/.exec(new URL(request.url).pathname);
  if (!match) return undefined;
  if (request.method !== "POST") throw wrongMethod(request.method, ["POST"]);
  const project = match[1] ?? "";
  checkProject(project);
  const body = await readBody(request);
  if (!isJsonObject(body)) throw new UserError({ code: "invalid", field: "body", message: "A JSON object is expected." });
  const address = request.headers.get("cf-connecting-ip") ?? undefined;
  return calls[match[2] as keyof typeof calls](deps, { project, body, bearer: bearerOf(request), address });
}

/** The instance that a request's session belongs to; undefined when it carries none. Throws `UserError` for one that is no longer good. */
export async function instanceCaller({ lease }: AgentDeps, request: Request): Promise<Caller | undefined> {
  const bearer = bearerOf(request);
  const group = bearer === undefined ? undefined : groupOfSession(bearer);
  const match = /^\/wayside\/v1\/projects\/([^/]+)\/instances\/([^/:]+)/.exec(new URL(request.url).pathname);
  if (bearer === undefined || group === undefined || !match) return undefined;
  const [, project = "", name = ""] = match;
  if (!(await lease(leaseObjectName(project, group, name)).authorize(name, bearer))) throw unknownSession();
  return { user: `instance:${name}`, roles: new Set(), instance: { name, group } };
}

/**
 * The answer of one instance with what its last heartbeat said: that is in the memory of its Lease object and nowhere else. Without it when
 * the object does not answer.
 */
export async function withHeartbeat({ lease }: AgentDeps, { project, name = "" }: Command, outcome: Outcome): Promise<Outcome> {
  const { groupKey, connection } = outcome.body ?? {};
  if (outcome.status !== 200 || typeof groupKey !== "string" || connection === undefined) return outcome;
  const heard = await lease(leaseObjectName(project, groupKey, name))
    .lastHeartbeat(name)
    .catch(() => undefined);
  if (!heard) return outcome;
  const { lastSeenMs, ...cpu } = heard;
  return { ...outcome, body: { ...outcome.body, lastHeartbeat: { at: new Date(lastSeenMs).toISOString(), ...cpu } } };
}

/** Makes a join token. The project gets its hash, the caller the token, this once. */
export async function makeToken({ run, random }: AgentDeps, command: Command): Promise<Outcome> {
  const token = `wjt_${toBase64Url(random.bytes(24))}`;
  const sha256 = await sha256Hex(token);
  const outcome = await run({ ...command, body: { ...(isJsonObject(command.body) && command.body), sha256 } });
  return outcome.status === 200 ? { ...outcome, body: { ...outcome.body, token } } : outcome;
}

async function join({ run }: AgentDeps, { project, body }: AgentCall): Promise<Outcome> {
  const { token: _token, ...rest } = body;
  const sha256 = await sha256Hex(textIn(body, "token"));
  return run({ project, scope: "", collection: "joinTokens", verb: "redeem", query: {}, body: { ...rest, sha256 }, user: "agent" });
}

async function connect({ run, lease }: AgentDeps, { project, body, address, bearer }: AgentCall): Promise<Outcome> {
  const [group, name] = [textIn(body, "group"), textIn(body, "name")];
  const [nonce, signature] = [textIn(body, "nonce"), textIn(body, "signature")];
  const epoch = wholeIn(body, "epoch");
  const request: ConnectRequest = {
    project,
    group,
    name,
    epoch,
    nonce,
    signature,
    address: address ?? firstAddress(body["networkInterfaces"]) ?? "unknown",
    ...(bearer === undefined ? {} : { previousSession: bearer }),
  };
  const answer = await lease(leaseObjectName(project, request.group, request.name)).openSession(request);
  switch (answer.kind) {
    case "unknown":
      return failure(
        [404, "NOT_FOUND"],
        `The instance '${request.name}' is not registered in '${request.group}'. Join anew, with a new token.`,
      );
    case "badSignature":
      return failure([401, "UNAUTHENTICATED"], `The signature is not by the key that registered '${request.name}'.`);
    case "staleEpoch": {
      const { lastEpoch } = answer;
      const message = `Epoch ${epoch} is not newer than ${lastEpoch}, the last one of '${request.name}'.`;
      return failure([409, "ABORTED"], message, { lastEpoch });
    }
    case "connected": {
      const moved = movedTo(body);
      if (moved) {
        const user = `instance:${request.name}`;
        const target = { project, scope: "", collection: "instances", verb: "register", query: {}, user } as const;
        const outcome = await run({ ...target, body: { ...moved, name: request.name, group: request.group } });
        if (outcome.status !== 200) return outcome;
      }
      const { session, ttlSec } = answer;
      return { status: 200, body: { session, epoch, heartbeatIntervalSec: heartbeatIntervalSec(ttlSec), leaseTtlSec: ttlSec } };
    }
  }
}

/** Where the VM is now, in case that it came back at another address; undefined when it does not say. */
function movedTo(body: JsonObject): JsonObject | undefined {
  if (body["networkInterfaces"] === undefined) return undefined;
  const fields = ["networkInterfaces", "port", "namedPorts"].filter((field) => body[field] !== undefined);
  return Object.fromEntries(fields.map((field) => [field, body[field] ?? null]));
}

async function heartbeat({ lease }: AgentDeps, { project, body, bearer }: AgentCall): Promise<Outcome> {
  const group = bearer === undefined ? undefined : groupOfSession(bearer);
  if (bearer === undefined || group === undefined) throw unknownSession();
  const name = textIn(body, "name");
  const { healthy, cpuSeconds } = body;
  const answer = await lease(leaseObjectName(project, group, name)).heartbeat({
    name,
    session: bearer,
    epoch: wholeIn(body, "epoch"),
    sequence: wholeIn(body, "sequence"),
    ...(typeof healthy === "boolean" && { healthy }),
    ...(typeof cpuSeconds === "number" && Number.isFinite(cpuSeconds) && { cpuSeconds }),
  });
  switch (answer.kind) {
    case "unknown":
      return failure([404, "NOT_FOUND"], `The instance '${name}' is not registered in '${group}'. Join anew, with a new token.`);
    case "unknownSession":
      throw unknownSession();
    case "superseded": {
      const at = new Date(answer.atMs).toISOString();
      const message = `Another agent with the identity of '${name}' connected from ${answer.byAddress} at ${at}; this one has to give way.`;
      return failure([409, "ABORTED"], message, { by: answer.byAddress, at });
    }
    case "taken": {
      const { state, released } = answer;
      const health = state === "DRAINING" ? state : answer.healthy === undefined ? "UNKNOWN" : answer.healthy ? "HEALTHY" : "UNHEALTHY";
      return { status: 200, body: { state, released, connection: "CONNECTED", health } };
    }
  }
}

/** The bearer token of a request: a session, a join token or an API token. */
export function bearerOf(request: Request): string | undefined {
  return /^Bearer ([\x21-\x7E]{1,4096})$/i.exec(request.headers.get("authorization") ?? "")?.[1];
}

function firstAddress(interfaces: Json | undefined): string | undefined {
  const [first] = Array.isArray(interfaces) ? interfaces : [];
  const address = isJsonObject(first) ? first["networkIP"] : undefined;
  return typeof address === "string" ? address : undefined;
}

function textIn(body: JsonObject, field: string): string {
  const value = body[field];
  if (typeof value === "string" && value !== "" && value.length <= 1000) return value;
  if (value === undefined || value === null)
    throw new UserError({ code: "required", field, message: `Required field '${field}' not specified` });
  throw new UserError({
    code: "invalid",
    field,
    message: `Invalid value for field '${field}'. It must be text of at most 1000 characters.`,
  });
}

function wholeIn(body: JsonObject, field: string): number {
  const value = body[field];
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  if (value === undefined) throw new UserError({ code: "required", field, message: `Required field '${field}' not specified` });
  const message = `Invalid value for field '${field}': '${JSON.stringify(value).slice(0, 100)}'. It must be a whole number, 0 or more.`;
  throw new UserError({ code: "invalid", field, message });
}

export function unknownSession(): UserError {
  return new UserError({ code: "unauthorized", field: "Authorization", message: "This session is not known (any more). Connect again." });
}

function failure([code, status]: readonly [number, string], message: string, more: JsonObject = {}): Outcome {
  return { status: code, body: { error: { code, message, status }, ...more } };
}
