/** The state folder: what outlives a run. `state.json` (format), `master.key` (opens secrets), `workers/` (Durable Objects and KV). */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { messageOf, UserError } from "#base/errors.ts";
import { isJsonObject } from "#base/json.ts";

/** Raised when a folder of the last version could be misread. */
const stateVersion = 1;

export interface State {
  /** Absolute, without symbolic links. */
  readonly folder: string;
  /** Where miniflare keeps Durable Objects and KV. */
  readonly workers: string;
  /** Base64 of 32 bytes. */
  readonly masterKey: string;
}

/**
 * Opens a state folder, making it if it is not there. Throws `UserError` that names the file when it is of a newer version, is no state
 * folder, or is damaged; nothing in it is changed then.
 */
export function openState(given: string): State {
  const folder = makeFolder(given);
  const entries = readdirSync(folder);
  if (entries.length > 0 && !entries.includes("state.json")) {
    throw refusal(`${folder} is not empty and no state folder of wayside (there is no state.json): take an empty or a new folder.`);
  }
  if (entries.length === 0) {
    writeFileSync(path.join(folder, "master.key"), `${randomBytes(32).toString("base64")}\n`, { mode: 0o600, flag: "wx" });
    writeFileSync(path.join(folder, "state.json"), `${JSON.stringify({ version: stateVersion })}\n`, { mode: 0o600, flag: "wx" });
  }
  checkVersion(path.join(folder, "state.json"));
  const workers = path.join(folder, "workers");
  mkdirSync(workers, { recursive: true, mode: 0o700 });
  for (const file of databasesIn(workers)) checkDatabase(file);
  return { folder, workers, masterKey: readMasterKey(path.join(folder, "master.key")) };
}

function makeFolder(given: string): string {
  try {
    mkdirSync(given, { recursive: true, mode: 0o700 });
    return realpathSync(given);
  } catch (thrown) {
    throw refusal(`The state folder ${given} cannot be made: ${messageOf(thrown)}`);
  }
}

function checkVersion(file: string): void {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, "utf8"));
  } catch (thrown) {
    throw refusal(`${file} cannot be read (${messageOf(thrown)}): restore it, or start with a new folder.`);
  }
  const version = isJsonObject(value) ? value["version"] : undefined;
  if (typeof version !== "number") throw refusal(`${file} has no version: restore it, or start with a new folder.`);
  if (version > stateVersion) {
    throw refusal(`${file} is of version ${version}, this wayside reads up to ${stateVersion}: take a newer wayside, or a new folder.`);
  }
}

function readMasterKey(file: string): string {
  if (!existsSync(file))
    throw refusal(`${file} is missing: without it the secrets of this state cannot be opened. Restore it, or start with a new folder.`);
  const key = readFileSync(file, "utf8").trim();
  if (Buffer.from(key, "base64").length !== 32) {
    throw refusal(`${file} must be the base64 of exactly 32 bytes: restore it, or start with a new folder.`);
  }
  return key;
}

function databasesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".sqlite"))
    .map((name) => path.join(folder, name));
}

const sqliteMagic = "SQLite format 3\0";

/**
 * A truncated or overwritten database would fail somewhere deep in workerd, long after the start: its header tells before
 * (https://www.sqlite.org/fileformat.html, 1.3).
 */
function checkDatabase(file: string): void {
  const { size } = statSync(file);
  // A database to which nothing was written yet is empty.
  if (size === 0) return;
  const header = readFileSync(file).subarray(0, 100);
  if (header.length < 100 || header.toString("latin1", 0, 16) !== sqliteMagic) throw damaged(file, "is no SQLite database");
  const pageSize = header.readUInt16BE(16) === 1 ? 65_536 : header.readUInt16BE(16);
  const expected = pageSize * header.readUInt32BE(28);
  // While there is a write-ahead log, pages may be there and not yet here.
  const log = `${file}-wal`;
  const isSettled = !existsSync(log) || statSync(log).size === 0;
  if (isSettled && size < expected) throw damaged(file, `is truncated (${size} of ${expected} bytes)`);
}

function damaged(file: string, how: string): UserError {
  return refusal(`${file} ${how}: restore it from a copy, or start with a new folder.`);
}

function refusal(message: string): UserError {
  return new UserError({ code: "failedPrecondition", field: "--state", message });
}
