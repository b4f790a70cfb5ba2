/** Word from the emulator's fleet that a VM process ended by itself: `POST /wayside/v1/fleetEvents`, served with `DEV` only. */
import { isJsonObject } from "#base/json.ts";
import type { FleetEvent } from "#instances/fleet.ts";
import type { ControlEnv } from "./env.ts";

const path = "/wayside/v1/fleetEvents";

/** Tells the group; undefined when the request is something else. */
export async function acceptFleetEvent(request: Request, env: ControlEnv): Promise<Response | undefined> {
  if (env.DEV !== "1" || request.method !== "POST" || new URL(request.url).pathname !== path) return undefined;
  const event: unknown = await request.json().catch(() => undefined);
  if (!isFleetEvent(event)) {
    return Response.json({ error: { code: 400, message: "not a fleet event: {project, group, name, id, exit}" } }, { status: 400 });
  }
  await env.GROUP.getByName(`${event.project}/${event.group}`).fleetEvent(event);
  return new Response(null, { status: 204 });
}

function isFleetEvent(value: unknown): value is FleetEvent {
  return isJsonObject(value) && ["project", "group", "name", "id", "exit"].every((field) => typeof value[field] === "string");
}
