/** What every verb on secrets takes and gives. */
import type { Clock } from "#base/clock.ts";
import type { JsonObject } from "#base/json.ts";
import type { Command } from "../command.ts";
import { secretNotFound } from "./resource.ts";
import type { StoredSecret, Vault } from "./vault.ts";

/** What secret commands work on. `nextRevision` is the project's counter. */
interface SecretContext {
  readonly project: string;
  readonly vault: Vault;
  readonly clock: Clock;
  nextRevision(): number;
}

/** The answer to a secret command, and the secret whose versions it changed, if any. */
export interface SecretResult {
  readonly body: JsonObject;
  /** The stored state changed in any way: for the audit log. */
  readonly changed: boolean;
  /** Services that use the secret are to be compiled again. */
  readonly versionsChanged?: boolean;
}

/** A secret command under way. */
export interface SecretCall {
  readonly command: Command;
  readonly context: SecretContext;
}

/** The secret that a command names; 404 in Google's words when there is none. */
export function existing({ command, context }: SecretCall): StoredSecret {
  const name = command.name ?? "";
  const secret = context.vault.secret(name);
  if (!secret) throw secretNotFound(context.project, name);
  return secret;
}
