import { listProcesses, type Family, type ProcessInfo } from "#processes/processes.ts";

/**
 * CPU time in seconds that each of these families has used so far: of its living processes, and of the children that these have waited for. One look at
 * all processes, whatever the number of families. A process that has left group and session of its VM is counted where a parent of it is in them. Empty
 * where the system does not tell.
 */
export function cpuSecondsOf(
  families: readonly Family[],
  processes: readonly ProcessInfo[] = listProcesses(),
): ReadonlyMap<Family, number> {
  const leaders = new Map(families.map((family) => [family.leader.pid, family]));
  const byPid = new Map(processes.map((info) => [info.pid, info]));
  const used = new Map<Family, number>();
  for (const info of processes) {
    const family = info.cpuSeconds === undefined ? undefined : familyOf(info, leaders, byPid);
    if (family) used.set(family, (used.get(family) ?? 0) + (info.cpuSeconds ?? 0));
  }
  return used;
}

/** Nobody nests deeper, and a table of processes that was read while it changed may have circles. */
const deepest = 64;

function familyOf(info: ProcessInfo, leaders: ReadonlyMap<number, Family>, byPid: ReadonlyMap<number, ProcessInfo>): Family | undefined {
  let ancestor: ProcessInfo | undefined = info;
  for (let depth = 0; ancestor && depth < deepest; depth++) {
    const family = leaders.get(ancestor.session) ?? leaders.get(ancestor.group) ?? leaders.get(ancestor.pid);
    // The number of a leader that has ended may be somebody else's by now.
    if (family && info.started >= family.leader.started) return family;
    ancestor = byPid.get(ancestor.parent);
  }
  return undefined;
}
