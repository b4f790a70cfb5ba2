/** Ends what runs of the emulator that were killed have left behind. */
import { renameSync, rmSync } from "node:fs";
import path from "node:path";
import { bootId, type Family, membersOf, signalFamily } from "#processes/processes.ts";
import { isLive, readRun, readRuns, type Run } from "./run-file.ts";

export interface Cleaned {
  /** Process id of the run that was killed. */
  readonly pid: number;
  /** VMs of it that were still there. */
  readonly vms: number;
}

/** How long processes may take to be gone after SIGKILL. */
const killGraceMs = 5000;

/**
 * Cleans up after every run under `runs` whose owner is gone: its VMs and workerd are killed if their start times say that they are
 * still the same processes, its folder is removed. Runs that go on are not touched.
 */
export async function cleanUpRuns(runs: string): Promise<Cleaned[]> {
  const cleaned: Cleaned[] = [];
  for (const { file, run } of readRuns(runs)) {
    if (isLive(run) || !takeOver(file, run)) continue;
    // oxlint-disable-next-line no-await-in-loop -- one line per run, in order
    cleaned.push({ pid: run.owner.pid, vms: await endProcesses(run) });
    // The path comes from a file: only what is a run's folder beside it is ever removed.
    if (path.dirname(run.folder) === path.dirname(runs) && path.basename(run.folder).startsWith("run-")) {
      rmSync(run.folder, { recursive: true, force: true });
    }
  }
  return cleaned;
}

/** Another emulator that starts now may clean up the same run and claim its slice: the file is moved away first, then judged again. */
function takeOver(file: string, run: Run): boolean {
  const moved = `${file}.${process.pid}.dead`;
  try {
    renameSync(file, moved);
  } catch {
    return false;
  }
  const found = readRun(moved);
  if (found !== undefined && found.owner.pid === run.owner.pid && found.owner.started === run.owner.started) {
    rmSync(moved);
    return true;
  }
  renameSync(moved, file);
  return false;
}

async function endProcesses(run: Run): Promise<number> {
  // After a reboot nothing of it can be left, and every number means somebody else.
  if (run.boot !== bootId()) return 0;
  const isLeft = (family: Family): boolean => membersOf(family).length > 0;
  const vms = run.vms.filter(isLeft).length;
  const families = [...run.workerd, ...run.vms];
  for (const family of families) signalFamily(family, "SIGKILL");
  const deadline = Date.now() + killGraceMs;
  // Waited for as well: a workerd that is still there has the databases of `--state` open.
  while (Date.now() < deadline && families.some(isLeft)) {
    // oxlint-disable-next-line no-await-in-loop -- a poll with a deadline
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return vms;
}
