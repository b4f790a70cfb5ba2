/** The two verbs that see plaintext: it is sealed before anything is stored, and opened only to be answered. Neither logs anything. */
import { messageOf, UserError } from "#base/errors.ts";
import { importMasterKey, seal, unseal, UnsealError, type MasterKey } from "#base/seal.ts";
import { existing, type SecretCall, type SecretResult } from "./call.ts";
import { payloadOf, readPayload } from "./payload.ts";
import { versionPath, versionResource, wrongState } from "./resource.ts";
import { existingVersion } from "./versions.ts";

/** A sealed payload on its way to be stored. */
export interface SealedVersion {
  readonly name: string;
  readonly version: number;
  readonly sealed: Uint8Array<ArrayBuffer>;
  readonly checked: boolean;
}

/** Opens the binding `MASTER_KEY` once. Errors: `UserError` that says what is wrong with it, without showing it. */
export function masterKeyring(binding: string | undefined): () => Promise<MasterKey> {
  let opened: Promise<MasterKey> | undefined;
  return async () => {
    if (!binding) {
      const message =
        "This control plane has no MASTER_KEY, so secret versions can be neither added nor read. Set it: openssl rand -base64 32 | wrangler secret put MASTER_KEY";
      throw new UserError({ code: "failedPrecondition", message });
    }
    opened ??= importMasterKey(binding);
    return opened.catch((thrown: unknown) => {
      throw new UserError({ code: "failedPrecondition", message: messageOf(thrown) });
    });
  };
}

/**
 * First half of `addVersion`: checks, takes a number and seals. It is asynchronous, so it comes before the transaction; a number is not
 * used twice, whatever happens in between. Errors: `UserError`.
 */
export async function sealVersion(call: SecretCall, keyring: () => Promise<MasterKey>): Promise<SealedVersion> {
  const { context, command } = call;
  const master = await keyring();
  const { name } = existing(call);
  const payload = readPayload(command.body);
  const version = context.vault.reserveVersion(name);
  const sealed = await seal(master, { project: context.project, name, version }, payload.bytes);
  return { name, version, sealed, checked: payload.checked };
}

/** Second half of `addVersion`, within the transaction. The secret may have been deleted since. */
export function addSealedVersion(call: SecretCall, { name, version, sealed, checked }: SealedVersion): SecretResult {
  const { context } = call;
  existing(call);
  const stored = { name, version, state: "ENABLED", createdAtMs: context.clock.now(), revision: context.nextRevision() } as const;
  context.vault.addVersion(stored, sealed);
  const body = versionResource(context.project, stored);
  return { body: checked ? { ...body, clientSpecifiedPayloadChecksum: true } : body, changed: true, versionsChanged: true };
}

/** `access`: 400 in Google's words for a version that is not enabled, and for one that the master key does not open. */
export async function accessVersion(call: SecretCall, keyring: () => Promise<MasterKey>): Promise<SecretResult> {
  const { context } = call;
  const version = existingVersion(call);
  const sealed = context.vault.sealed(version.name, version.version);
  if (version.state !== "ENABLED" || !sealed) throw wrongState(context.project, version);
  const id = { project: context.project, name: version.name, version: version.version };
  try {
    const bytes = await unseal(await keyring(), id, sealed);
    return { body: { name: versionPath(id.project, id.name, id.version), payload: payloadOf(bytes) }, changed: false };
  } catch (thrown) {
    if (!(thrown instanceof UnsealError)) throw thrown;
    const message = `Secret Version [${versionPath(id.project, id.name, id.version)}] cannot be opened: ${thrown.message}.`;
    throw new UserError({ code: "failedPrecondition", message });
  }
}
