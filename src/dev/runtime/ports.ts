/** Ports that the user asked for: looked at before anything is started, so that the message can name who has them. */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { promisify } from "node:util";
import { UserError } from "#base/errors.ts";
import { tryListen } from "../fleet/addresses.ts";

const loopback = "127.0.0.1";

/** Throws `UserError` when the port, given by `option`, cannot be listened on. 0 is always fine. */
export async function checkPort(option: string, port: number): Promise<void> {
  const code = port === 0 ? undefined : await tryListen(loopback, port);
  if (code === undefined) return;
  if (code === "EACCES") {
    throw new UserError({
      code: "forbidden",
      field: option,
      message: `${option} ${port}: this user may not listen on it; take one above 1023.`,
    });
  }
  const pid = code === "EADDRINUSE" ? await portHolder(port) : undefined;
  const holder = pid === undefined ? "" : ` by process ${pid}`;
  throw new UserError({
    code: "failedPrecondition",
    field: option,
    message: `${option} ${port}: port ${port} of ${loopback} is taken${holder}. End it, take another port, or ${option} 0 for a free one.`,
  });
}

/** The process that listens on a TCP port of this machine, as far as this user may know. */
export async function portHolder(port: number): Promise<number | undefined> {
  if (process.platform === "linux") return holderInProc(port);
  try {
    const { stdout } = await promisify(execFile)("lsof", ["-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-t"]);
    return Number(stdout.split("\n")[0]) || undefined;
  } catch {
    return undefined;
  }
}

/** `/proc/net/tcp` gives the socket's inode, `/proc/<pid>/fd` who has it open (proc(5)). */
function holderInProc(port: number): number | undefined {
  const inodes = ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((file) => listeningInodes(file, port));
  const sockets = new Set(inodes.map((inode) => `socket:[${inode}]`));
  const pids = readdirSync("/proc").filter((entry) => /^\d+$/.test(entry));
  const holder = pids.find((pid) => openFiles(pid).some((target) => sockets.has(target)));
  return holder === undefined ? undefined : Number(holder);
}

function listeningInodes(file: string, port: number): string[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  const rows = attempt(() => readFileSync(file, "utf8").split("\n"), []);
  return rows.flatMap((row) => {
    // sl local_address rem_address st …; `0A` is LISTEN, the tenth column is the inode.
    const columns = row.trim().split(/\s+/);
    return columns[1]?.endsWith(`:${wanted}`) && columns[3] === "0A" ? [columns[9] ?? ""] : [];
  });
}

function openFiles(pid: string): string[] {
  const descriptors = attempt(() => readdirSync(`/proc/${pid}/fd`), []);
  return descriptors.map((descriptor) => attempt(() => readlinkSync(`/proc/${pid}/fd/${descriptor}`), ""));
}

/** Processes end while they are looked at, and those of others are closed to us. */
function attempt<Value>(read: () => Value, otherwise: Value): Value {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
