/** Processes of this machine: which belong to a VM, and ending them without ever hitting a stranger whose number was reused. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** One process for ever: a number is reused, a number with its start time is not (within one boot). */
export interface ProcessRef {
  readonly pid: number;
  /** Linux: clock ticks since boot. Elsewhere: seconds since the epoch. Only compared with its like. */
  readonly started: number;
}

export interface ProcessInfo extends ProcessRef {
  readonly parent: number;
  /** Process group. */
  readonly group: number;
  /** Session; elsewhere than on Linux it is not known, and is the group. */
  readonly session: number;
  /** CPU time in seconds, with that of the children it has waited for; absent elsewhere than on Linux. */
  readonly cpuSeconds?: number;
  /** File name of the program, for telling what it is. */
  readonly name: string;
}

const onLinux = process.platform === "linux";

/** Changes with every boot, so that start times of different boots are never compared. Empty where the system has no such id. */
export function bootId(): string {
  return (onLinux ? readText("/proc/sys/kernel/random/boot_id") : "").trim();
}

/** The process of this number, unless it has ended. A zombie has ended. */
export function findProcess(pid: number): ProcessInfo | undefined {
  return onLinux ? parseStat(readText(`/proc/${pid}/stat`)) : listWithPs().find((info) => info.pid === pid);
}

/** All processes that have not ended. */
export function listProcesses(): ProcessInfo[] {
  if (!onLinux) return listWithPs();
  const pids = readdirSync("/proc").filter((entry) => /^\d+$/.test(entry));
  return pids.flatMap((pid) => parseStat(readText(`/proc/${pid}/stat`)) ?? []);
}

export function isRunning(ref: ProcessRef): boolean {
  return findProcess(ref.pid)?.started === ref.started;
}

/** What belongs to one VM: its leader's group and session, and on Linux what left both but still carries the VM's environment. */
export interface Family {
  readonly leader: ProcessRef;
  /** `NAME=value` that only processes of this VM have in their environment. */
  readonly mark: string;
}

/** The living processes of a family, the leader first if it is among them. */
export function membersOf(family: Family): ProcessInfo[] {
  const { leader, mark } = family;
  const all = listProcesses();
  const holder = all.find((info) => info.pid === leader.pid);
  // While any process is in the group or session of the leader, the system gives its number to nobody else.
  const reused = holder !== undefined && holder.started !== leader.started;
  const members = all.filter((info) => {
    if (info.started < leader.started) return false;
    const related = info.pid === leader.pid || info.group === leader.pid || info.session === leader.pid;
    return (related && !reused) || (onLinux && hasMark(info.pid, mark));
  });
  return members.sort((a, b) => Number(b.pid === leader.pid) - Number(a.pid === leader.pid));
}

type Signal = "SIGTERM" | "SIGKILL" | "SIGSTOP" | "SIGCONT";

/** Sends a signal to every process of the family; whatever has ended meanwhile is passed over. */
export function signalFamily(family: Family, signal: Signal): void {
  const members = membersOf(family);
  const { pid } = family.leader;
  // The group at once, so that no child is forked between two signals; then those that left it.
  if (members.some((info) => info.group === pid)) signalTo(-pid, signal);
  for (const info of members) if (info.group !== pid) signalTo(info.pid, signal);
}

function signalTo(pid: number, signal: Signal): void {
  try {
    process.kill(pid, signal);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "ESRCH") throw thrown;
  }
}

function hasMark(pid: number, mark: string): boolean {
  return `\0${readText(`/proc/${pid}/environ`)}\0`.includes(`\0${mark}\0`);
}

/** Empty when the file is gone or is not ours to read: the process has ended or belongs to somebody else. */
function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** USER_HZ, which is the same on every architecture that Node runs on. */
const ticksPerSecond = 100;

/** `/proc/<pid>/stat`: `pid (name) state ppid pgrp session …`; the name may hold blanks and parentheses (proc(5)). */
function parseStat(text: string): ProcessInfo | undefined {
  const open = text.indexOf("(");
  const close = text.lastIndexOf(")");
  if (open < 0) return undefined;
  const fields = text.slice(close + 2).split(" ");
  const number = (index: number): number => Number(fields[index]);
  if (fields[0] === "Z" || fields[0] === "X") return undefined;
  return {
    pid: Number(text.slice(0, open)),
    name: text.slice(open + 1, close),
    parent: number(1),
    group: number(2),
    session: number(3),
    started: number(19),
    cpuSeconds: (number(11) + number(12) + number(13) + number(14)) / ticksPerSecond,
  };
}

/** For systems without /proc, such as macOS. */
function listWithPs(): ProcessInfo[] {
  const text = execFileSync("ps", ["-A", "-o", "pid=,ppid=,pgid=,stat=,lstart=,comm="], {
    encoding: "utf8",
    env: { ...process.env, LC_ALL: "C" },
  });
  return text.split("\n").flatMap((line) => parsePsLine(line) ?? []);
}

/** `  123     1   123 Ss   Sun Nov 22 20:29:00 2026     /usr/sbin/sshd`. */
export function parsePsLine(line: string): ProcessInfo | undefined {
  const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(\w{3} \w{3} +\d+ [\d:]{8} \d{4})\s+(.*)$/.exec(line);
  if (!match || match[4]?.startsWith("Z")) return undefined;
  const group = Number(match[3]);
  return {
    pid: Number(match[1]),
    parent: Number(match[2]),
    group,
    session: group,
    started: Date.parse(match[5] ?? "") / 1000,
    name: (match[6] ?? "").split("/").at(-1) ?? "",
  };
}
