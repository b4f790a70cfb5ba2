/** Join tokens: what lets a VM into a group once. Pure; only the hash of a token is ever here. */
import { UserError } from "#base/errors.ts";
import type { GroupKey } from "#instances/group/spec.ts";
import type { LeaseTerms } from "#instances/lease/lease.ts";

/** Stored at `joinTokens/NAME`. */
export interface JoinToken extends LeaseTerms {
  readonly group: GroupKey;
  readonly sha256: string;
  readonly expiresAtMs: number;
  readonly usesLeft: number;
  /** Public keys that it let in, with the names that they got: the same token and key again is the same answer. */
  readonly admitted: readonly { readonly publicKey: string; readonly name: string }[];
}

/** So long after its end a token is still told from one that never was. */
export const rememberedMs = 3_600_000;

export const longestTtlSec = 600;

export type Redeemed =
  /** Used now. */
  | { readonly kind: "admitted"; readonly token: JoinToken }
  /** Used by the same VM before. */
  | { readonly kind: "again"; readonly name: string };

export interface Redeeming {
  readonly publicKey: string;
  /** The group that the VM expects to join; undefined where it leaves that to the token. */
  readonly group: GroupKey | undefined;
  /** Whether the instance that this key got before is still there with it. */
  readonly isMember: (name: string) => boolean;
}

/** Uses a token. Throws `UserError` `unauthorized` with what is wrong and the mend. */
export function redeem(token: JoinToken | undefined, { publicKey, group, isMember }: Redeeming, now: number): Redeemed {
  if (!token) throw refused("This join token is not known here. Make one with `wayside vm token --group GROUP`.");
  if (group !== undefined && group !== token.group) throw refused(`This join token is for the group '${token.group}', not for '${group}'.`);
  const before = token.admitted.find((one) => one.publicKey === publicKey);
  if (before && isMember(before.name)) return { kind: "again", name: before.name };
  if (token.expiresAtMs <= now) {
    const at = new Date(token.expiresAtMs).toISOString();
    throw refused(`This join token expired at ${at}. Make another with \`wayside vm token --group GROUP\`.`);
  }
  if (token.usesLeft <= 0) throw refused("This join token has been used. Make one for each VM with `wayside vm token --group GROUP`.");
  return { kind: "admitted", token: { ...token, usesLeft: token.usesLeft - 1 } };
}

/** The token after it let a VM in. */
export function admit(token: JoinToken, publicKey: string, name: string): JoinToken {
  return { ...token, admitted: [...token.admitted.filter((one) => one.publicKey !== publicKey), { publicKey, name }] };
}

function refused(message: string): UserError {
  return new UserError({ code: "unauthorized", field: "token", message });
}
