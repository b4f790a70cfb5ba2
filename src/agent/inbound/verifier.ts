import { createHmac, timingSafeEqual } from "node:crypto";
import type { Clock } from "#base/clock.ts";
import { UserError } from "#base/errors.ts";
import { parseSignature, shortestKey, type SignedRequest, signedText, signingKeyBytes } from "#base/request-signature.ts";
import { type Freshness, ReplayWindow } from "./replay-window.ts";

/** Whether a request was signed by a proxy of the mesh, for this group, a moment ago, and has not been here before. */

/** `unsigned`: there is no signature, or several; `malformed`: none of this version; `forged`: none of the keys made it for this request. */
export type Verdict = Freshness | "unsigned" | "malformed" | "forged";

export class Verifier {
  readonly #clock: Clock;
  readonly #window = new ReplayWindow();
  #keys: readonly Uint8Array[];

  /** `keys`: current and, while they change, previous ones, as texts. Throws `UserError` for none, and for one that is too short. */
  constructor(keys: readonly string[], clock: Clock) {
    this.#keys = keyBytes(keys);
    this.#clock = clock;
  }

  /** From now on these keys count. Throws as the constructor does, and changes nothing then. */
  setKeys(keys: readonly string[]): void {
    this.#keys = keyBytes(keys);
  }

  /** `signatures`: values of `x-wayside-signature`. */
  verify(request: SignedRequest, signatures: readonly string[]): Verdict {
    const [only, ...others] = signatures;
    if (only === undefined || others.length > 0) return "unsigned";
    const signature = parseSignature(only);
    if (!signature) return "malformed";
    const text = signedText(request, signature);
    const mac = Buffer.from(signature.mac, "hex");
    // All keys are tried, so that the time tells nothing of which one it was.
    const matches = this.#keys.map((key) => timingSafeEqual(createHmac("sha256", key).update(text).digest(), mac));
    return matches.includes(true) ? this.#window.admit(signature, this.#clock.now()) : "forged";
  }
}

function keyBytes(keys: readonly string[]): Uint8Array[] {
  if (keys.length === 0) throw new UserError({ code: "required", field: "keys", message: "An inbound listener needs at least one key." });
  return keys.map((text) => {
    const bytes = signingKeyBytes(text);
    if (bytes) return bytes;
    throw new UserError({
      code: "invalid",
      field: "keys",
      message: `A key of an inbound listener must have at least ${shortestKey} bytes.`,
    });
  });
}
