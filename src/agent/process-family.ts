/** The application's processes, as Linux shows them: whether they are there, and how much CPU time they have taken. No root needed. */
import { readdirSync, readFileSync } from "node:fs";

/** One process for ever: its number may be given again, its number and start time may not (within one boot). */
export interface ProcessRef {
  readonly pid: number;
  /** Clock ticks since boot; 0 where the system does not tell. */
  readonly started: number;
}

/** Ticks of `/proc`: USER_HZ is 100 on every Linux. */
const ticksPerSecond = 100;

interface Stat {
  readonly group: number;
  readonly session: number;
  readonly started: number;
  readonly ticks: number;
}

/** The process of this number as it is now; undefined once it has ended. */
export function refOf(pid: number): ProcessRef | undefined {
  if (process.platform !== "linux") return isThere(pid) ? { pid, started: 0 } : undefined;
  const stat = statOf(pid);
  return stat && { pid, started: stat.started };
}

export function isRunning({ pid, started }: ProcessRef): boolean {
  return refOf(pid)?.started === started;
}

/** CPU time of the group and session of this leader, its ended and awaited children included; undefined where the system does not tell. */
export function cpuSecondsOf({ pid }: ProcessRef): number | undefined {
  if (process.platform !== "linux") return undefined;
  let ticks = 0;
  for (const entry of readdirSync("/proc")) {
    const stat = /^\d+$/.test(entry) ? statOf(Number(entry)) : undefined;
    if (stat && (stat.group === pid || stat.session === pid)) ticks += stat.ticks;
  }
  return ticks / ticksPerSecond;
}

/** Sends a signal to the whole process group of the leader; one that has ended is passed over. */
export function signalGroup(ref: ProcessRef, signal: "SIGTERM" | "SIGKILL"): void {
  if (!isRunning(ref)) return;
  try {
    process.kill(-ref.pid, signal);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "ESRCH") throw thrown;
  }
}

/** proc(5): `pid (name) state ppid pgrp session …`; the name may hold blanks and parentheses. A zombie has ended. */
function statOf(pid: number): Stat | undefined {
  let text = "";
  try {
    text = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined;
  }
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const number = (index: number): number => Number(fields[index]);
  if (fields[0] === "Z" || fields[0] === "X") return undefined;
  return { group: number(2), session: number(3), started: number(19), ticks: number(11) + number(12) + number(13) + number(14) };
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
