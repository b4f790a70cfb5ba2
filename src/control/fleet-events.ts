/** Word from the emulator's fleet that a VM process ended by itself: `POST /wayside/v1/fleetEvents`, served with `DEV` only. */
import { UserError } from "#base/errors.ts";
import { isJsonObject, type Json } from "#base/json.ts";
import type { FleetEvent } from "#instances/fleet.ts";
import { readBody } from "./api/body.ts";
import { errorOutcome } from "./api/errors.ts";
import { guardLoopback } from "./api/host-guard.ts";
import type { ControlEnv } from "./env.ts";

const path = "/wayside/v1/fleetEvents";

/** Tells the group; undefined when the request is something else. */
export async function acceptFleetEvent(request: Request, env: ControlEnv): Promise<Response | undefined> {
  if (env.DEV !== "1" || request.method !== "POST" || new URL(request.url).pathname !== path) return undefined;
  try {
    // A page of the web must not end VMs either.
    guardLoopback(request);
    const event = fleetEventOf(await readBody(request));
    await env.GROUP.getByName(`${event.project}/${event.group}`).fleetEvent(event);
    return new Response(null, { status: 204 });
  } catch (thrown) {
    if (!(thrown instanceof UserError)) throw thrown;
    const { status, body } = errorOutcome("v1", thrown);
    return Response.json(body, { status });
  }
}

function fleetEventOf(body: Json | undefined): FleetEvent {
  if (isFleetEvent(body)) return body;
  throw new UserError({ code: "invalid", message: "Not a fleet event: {project, group, name, id, exit}, all of them text." });
}

function isFleetEvent(value: unknown): value is FleetEvent {
  return isJsonObject(value) && ["project", "group", "name", "id", "exit"].every((field) => typeof value[field] === "string");
}
