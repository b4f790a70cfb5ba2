/** Child processes of a measurement: started, waited for, and all ended when it is over. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

const running = new Set<ChildProcess>();
let folder: string | undefined;

/** A folder for configurations of this run; gone when it ends. */
export function temporaryFolder(): string {
  folder ??= mkdtempSync(path.join(tmpdir(), "wayside-bench-"));
  return folder;
}

/** Starts a program whose errors are shown; `stdio` 3 is piped for programs that report there. */
export function start(command: string, options: readonly string[], input?: string): ChildProcess {
  const child = spawn(command, options, { stdio: [input === undefined ? "ignore" : "pipe", "ignore", "inherit", "pipe"] });
  running.add(child);
  child.on("exit", () => running.delete(child));
  child.stdin?.end(input);
  return child;
}

/** Ends a program and waits until it is gone. */
export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await gone;
}

/** Ends everything that `start` began and takes the temporary folder away. */
export function cleanUp(): void {
  for (const child of running) child.kill("SIGKILL");
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
}

/** Runs a program to its end and gives what it wrote. Throws with its errors when it fails. */
export async function output(command: string, options: readonly string[]): Promise<string> {
  const child = spawn(command, options, { stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  let text = "";
  let errors = "";
  child.stdout.on("data", (chunk) => (text += String(chunk)));
  child.stderr.on("data", (chunk) => (errors += String(chunk)));
  const status = await new Promise<number | null>((resolve, reject) => child.once("error", reject).once("close", resolve));
  running.delete(child);
  if (status !== 0) throw new Error(`${command} ${options.join(" ")} ended with ${status}: ${errors}`);
  return text;
}

/** Whether a program is installed. */
export async function isInstalled(program: string): Promise<boolean> {
  return output("sh", ["-c", `PATH=$PATH:/usr/sbin command -v ${program}`]).then(
    () => true,
    () => false,
  );
}

/** Memory of a process that is not shared with its files, in MiB (Linux). */
export function residentMiB(child: ChildProcess): number {
  const [, kib = "0"] = /^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, "utf8")) ?? [];
  return Number(kib) / 1024;
}
