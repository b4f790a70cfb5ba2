/** Who a VM is to the mesh: a key pair of its own, and what it was registered as. Kept in the state folder, readable by its owner alone. */
import { createPrivateKey, generateKeyPairSync, randomUUID, sign, type JsonWebKey, type KeyObject } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { UserError } from "#base/errors.ts";
import { connectText } from "#base/signing.ts";

/** Where the agent keeps its state unless told otherwise: XDG's state home. */
export function defaultStateFolder(): string {
  return join(process.env["XDG_STATE_HOME"] ?? join(homedir(), ".local/state"), "wayside/agent");
}

/** What the control plane knows this VM as. */
export interface Registered {
  readonly mesh: string;
  readonly project: string;
  readonly group: string;
  readonly name: string;
}

interface Stored {
  readonly privateKey: JsonWebKey;
  readonly publicKey: string;
  /** Of the last connect; the next one is higher. */
  readonly epoch: number;
  readonly registered?: Registered;
}

/** An identity on disk. Every change is written before it is used. */
export class Identity {
  readonly #file: string;
  readonly #key: KeyObject;
  #stored: Stored;

  private constructor(file: string, key: KeyObject, stored: Stored) {
    this.#file = file;
    this.#key = key;
    this.#stored = stored;
  }

  /** That of the folder; makes both where they are not there. Throws `UserError` for a file that cannot be read. */
  static open(folder: string): Identity {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const file = join(folder, "identity.json");
    if (existsSync(file)) {
      const stored = parse(file);
      return new Identity(file, createPrivateKey({ key: stored.privateKey, format: "jwk" }), stored);
    }
    const { privateKey } = generateKeyPairSync("ed25519");
    const jwk = privateKey.export({ format: "jwk" });
    const identity = new Identity(file, privateKey, { privateKey: jwk, publicKey: jwk.x ?? "", epoch: 0 });
    identity.#save(identity.#stored);
    return identity;
  }

  get publicKey(): string {
    return this.#stored.publicKey;
  }

  get registered(): Registered | undefined {
    return this.#stored.registered;
  }

  /** Keeps what the VM was registered as; undefined: it is no longer. */
  register(registered: Registered | undefined): void {
    const { registered: _before, ...rest } = this.#stored;
    this.#save({ ...rest, ...(registered && { registered }) });
  }

  /** An epoch that this identity has not used, above `least` as well. */
  nextEpoch(least = 0): number {
    const epoch = Math.max(this.#stored.epoch, least) + 1;
    this.#save({ ...this.#stored, epoch });
    return epoch;
  }

  /** Body of `connect`, signed. */
  proof({ project, group, name }: Registered, epoch: number): { readonly nonce: string; readonly signature: string } {
    const nonce = randomUUID();
    const text = connectText({ project, group, name, epoch, nonce });
    return { nonce, signature: sign(null, Buffer.from(text), this.#key).toString("base64url") };
  }

  #save(stored: Stored): void {
    writePrivate(this.#file, JSON.stringify(stored));
    this.#stored = stored;
  }
}

/** Replaces a file as a whole, so that a crash leaves the old one or the new one; mode 0600. */
export function writePrivate(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

function parse(file: string): Stored {
  try {
    const stored = JSON.parse(readFileSync(file, "utf8")) as Partial<Stored>;
    if (stored.privateKey && typeof stored.publicKey === "string" && typeof stored.epoch === "number") return stored as Stored;
  } catch {
    // Said below, as for a file that holds something else.
  }
  const message = `${file} holds no identity that can be read. Move it away and join with a new token.`;
  throw new UserError({ code: "invalid", field: "--state", message });
}
