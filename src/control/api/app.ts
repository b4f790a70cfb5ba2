import { Hono } from "hono";
import { UserError } from "#base/errors.ts";
import type { Random } from "#base/random.ts";
import { randomHex } from "#base/random.ts";
import type { Command, Outcome } from "../command.ts";
import { camelCase } from "../resources/merge.ts";
import { instanceCaller, makeToken, serveAgent, withHeartbeat, type AgentLeases } from "./agents.ts";
import { requireAccess, type Authorizer } from "./authorize.ts";
import { batchPath, serveBatch } from "./batch.ts";
import { readBody } from "./body.ts";
import { errorOutcome, internalOutcome, unavailableOutcome } from "./errors.ts";
import { guardLoopback } from "./host-guard.ts";
import openApi from "./generated/openapi.json" with { type: "json" };
import { noSuchPath } from "./paths.ts";
import { routeOf, styleOfPath } from "./route.ts";

/** What the API needs of the control Worker. */
export interface ApiDeps {
  /** Hands a command to its project. The user's faults come back as an outcome; what is thrown is our fault. */
  readonly run: (command: Command) => Promise<Outcome>;
  readonly authorize: Authorizer;
  /** A Lease object by its name (`leaseObjectName`): what agents say goes there directly. */
  readonly lease: (name: string) => AgentLeases;
  /** In the emulator, where no token is asked for: only requests of this machine's own programs are answered. */
  readonly loopbackOnly: boolean;
  /** Ids of our faults. */
  readonly random: Random;
  /** Gets each of our faults once, with its cause. */
  log(fault: { readonly id: string; readonly method: string; readonly path: string; readonly cause: unknown }): void;
}

/**
 * The control API over HTTP: Compute v1, Network Services v1, Network Security v1, Secret Manager v1 and our own, at the origin's root. It
 * checks who calls and what is sent, and makes one `Command` of it. Everything about resources is behind `run`.
 */
export function createApi(deps: ApiDeps): Hono {
  const app = new Hono();
  const answer = (request: Request): Promise<Outcome> => serve(deps, request).catch((thrown: unknown) => failureOf(deps, request, thrown));
  app.onError((thrown, context) => respond(failureOf(deps, context.req.raw, thrown)));
  app.use(async (context, next) => {
    if (deps.loopbackOnly) guardLoopback(context.req.raw);
    await next();
  });
  app.get("/wayside/v1/healthz", () => respond({ status: 200, body: { status: "ok" } }));
  app.get("/wayside/v1/openapi.json", () => respond({ status: 200, body: openApi }));
  app.post(batchPath, (context) => serveBatch(context.req.raw, answer));
  app.all("*", async (context) => respond(await answer(context.req.raw)));
  return app;
}

async function serve(deps: ApiDeps, request: Request): Promise<Outcome> {
  const url = new URL(request.url);
  // Hono, like Google, has no separate meaning for HEAD; Google answers that there is nothing.
  if (request.method === "HEAD") throw noSuchPath(url.pathname);
  const ofAgent = await serveAgent(deps, request);
  if (ofAgent) return ofAgent;
  const caller = (await instanceCaller(deps, request)) ?? (await deps.authorize(request));
  const route = routeOf(request.method, url.pathname);
  requireAccess(caller, route);
  const takesBody = ["POST", "PUT", "PATCH"].includes(request.method);
  const body = takesBody ? await readBody(request) : undefined;
  const { role: _role, parameters, ...target } = route;
  const command: Command = {
    ...target,
    query: { ...queryOf(url), ...parameters, ...(caller.instance && { group: caller.instance.group }) },
    ...(body === undefined ? {} : { body }),
    user: caller.user,
  };
  if (route.collection === "joinTokens" && route.verb === "insert") return makeToken(deps, command);
  const outcome = await deps.run(command);
  return route.verb === "getRegistered" ? withHeartbeat(deps, command, outcome) : outcome;
}

/** Names in either spelling; of a repeated one all values, as a list with commas, which is how a field mask may be sent. */
function queryOf(url: URL): Record<string, string> {
  const query = new Map<string, string>();
  for (const [key, value] of url.searchParams) {
    const name = camelCase(key);
    const before = query.get(name);
    query.set(name, before === undefined ? value : `${before},${value}`);
  }
  return Object.fromEntries(query);
}

/** Whatever is thrown becomes an answer in the form that the path's clients read. */
function failureOf(deps: ApiDeps, request: Request, thrown: unknown): Outcome {
  const path = new URL(request.url).pathname;
  const style = styleOfPath(path);
  if (thrown instanceof UserError) return errorOutcome(style, thrown);
  if (isOverload(thrown)) return unavailableOutcome(style);
  const id = randomHex(deps.random, 8);
  deps.log({ id, method: request.method, path, cause: thrown });
  return internalOutcome(style, id);
}

/** Set by the runtime on exceptions of a Durable Object that has too much to do. */
function isOverload(thrown: unknown): boolean {
  return thrown instanceof Error && "overloaded" in thrown && thrown.overloaded === true;
}

function respond({ status, body }: Outcome): Response {
  const headers = { "content-type": "application/json; charset=utf-8", "cache-control": "no-store", "x-content-type-options": "nosniff" };
  return new Response(JSON.stringify(body ?? {}), { status, headers });
}
