/** `wayside agent resume`: goes on where the last agent of a state folder was, and takes its place if it still runs. */
import { defaultStateFolder, Identity } from "#agent/identity.ts";
import { inheritedSockets, keptOptions, takeOver } from "#agent/succession.ts";
import { runAgent } from "./join.ts";

export async function run({ state = defaultStateFolder() }: { readonly state?: string }): Promise<void> {
  const options = keptOptions(state);
  const sockets = await inheritedSockets();
  const { previous, counts } = await takeOver(state);
  // Read after the hand-over: the epoch in it is then the last one.
  const identity = Identity.open(state);
  await runAgent(options, {
    identity,
    inherited: { sockets, ...(counts && { counts }) },
    ...(previous === undefined ? {} : { previous }),
  });
}
