import { nextId } from "./names.ts";
import type { MemberSpec } from "./spec.ts";
import { isManaged, put, remove } from "./state.ts";
import type { Draft, Instance } from "./state.ts";

/** Members of unmanaged groups and network endpoint groups: as the specification lists them, running, and nobody's to end. */
export function planMembers(draft: Draft): void {
  const { kind, members } = draft.spec;
  const wanted = new Map((kind === "unmanaged" || kind === "endpoints" ? (members ?? []) : []).map((member) => [member.name, member]));
  for (const instance of [...draft.instances.values()].filter((each) => !isManaged(each) && each.phase.is !== "abandoned")) {
    if (!wanted.has(instance.name)) remove(draft, instance.name);
  }
  for (const member of wanted.values()) {
    const known = draft.instances.get(member.name);
    // A managed instance of that name is still on its way out; the member follows when it is gone.
    if (known && (isManaged(known) || samePlace(known, member))) continue;
    draft.lastId = nextId(draft.lastId, draft.now, draft.random);
    put(draft, asInstance(draft, member));
  }
}

/** At another address it is another instance: what was known of its health does not hold there. */
function samePlace(instance: Instance, member: MemberSpec): boolean {
  return instance.address === member.address && instance.port === member.port;
}

function asInstance(draft: Draft, member: MemberSpec): Instance {
  return {
    name: member.name,
    id: draft.lastId,
    createdAtMs: draft.now,
    phase: { is: "running", sinceMs: draft.now, verified: true },
    address: member.address,
    ...(member.port === undefined ? {} : { port: member.port }),
    health: {},
    failures: 0,
  };
}
