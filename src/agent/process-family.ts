/** The application's processes: whether they are there, and how much CPU time they have taken. No root needed. */
import { findProcess, listProcesses, type ProcessRef } from "#processes/processes.ts";

/** The process of this number as it is now; undefined once it has ended. */
export function refOf(pid: number): ProcessRef | undefined {
  const found = findProcess(pid);
  return found && { pid, started: found.started };
}

/** CPU time of the group and session of this leader, its ended and awaited children included; undefined where the system does not tell. */
export function cpuSecondsOf({ pid }: ProcessRef): number | undefined {
  const family = listProcesses().filter(({ group, session }) => group === pid || session === pid);
  const times = family.flatMap(({ cpuSeconds }) => cpuSeconds ?? []);
  return times.length === 0 ? undefined : times.reduce((sum, seconds) => sum + seconds, 0);
}

/** Sends a signal to the whole process group of the leader; one that has ended is passed over. */
export function signalGroup({ pid, started }: ProcessRef, signal: "SIGTERM" | "SIGKILL"): void {
  if (findProcess(pid)?.started !== started) return;
  try {
    process.kill(-pid, signal);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "ESRCH") throw thrown;
  }
}
