import type { Clock } from "#base/clock.ts";
import { UserError } from "#base/errors.ts";
import type { JsonObject } from "#base/json.ts";
import type { Random } from "#base/random.ts";
import type { MasterKey } from "#base/seal.ts";
import { touchedBy } from "#control/compiler/touched.ts";
import { dependency } from "#control/compiler/view.ts";
import type { GroupKey } from "#instances/group/spec.ts";
import type { Signals } from "#instances/scale/spec.ts";
import type { Change, Command, Outcome } from "../command.ts";
import { readMetrics } from "../metrics/feed.ts";
import { execute } from "../resources/execute.ts";
import type { SecretCall, SecretResult } from "../secrets/call.ts";
import { executeSecretCommand } from "../secrets/commands.ts";
import { accessVersion, addSealedVersion, masterKeyring, sealVersion } from "../secrets/plaintext.ts";
import { statusOf } from "../status/overview.ts";
import type { ProjectState } from "./state.ts";

export interface CommandPorts {
  readonly state: ProjectState;
  readonly clock: Clock;
  readonly random: Random;
  /** The binding `MASTER_KEY`. */
  readonly masterKey?: string;
  /** In the emulator instances live on loopback addresses. */
  readonly loopbackAllowed: boolean;
  /** Tells a group of its load, in the background. */
  measure(key: GroupKey, signals: Signals): void;
  /** Called after a commit, in the same turn: what has to be carried out is on record. */
  committed(): void;
}

/** What a command did, within its transaction. */
interface Effect {
  readonly outcome: Outcome;
  readonly changes: readonly Change[];
  /** Secrets of which another version counts now. */
  readonly secrets?: readonly string[];
}

/** Entries of one answer of the audit log. */
const auditPage = 500;

/**
 * Carries out commands. Each is one transaction: what it changes, what that compiles to, the generations and specifications that come of it
 * and the audit entry are kept together or not at all.
 */
export class Commands {
  readonly #ports: CommandPorts;
  readonly #keyring: () => Promise<MasterKey>;

  constructor(ports: CommandPorts) {
    this.#ports = ports;
    this.#keyring = masterKeyring(ports.masterKey);
  }

  /** Throws `UserError` for what is wrong with the command; nothing has changed then. */
  async run(command: Command): Promise<Outcome> {
    if (command.collection === "secrets") return this.#runOnSecrets(command);
    if (command.collection === "wayside") return { status: 200, body: await this.#answer(command) };
    const { state, clock, random, loopbackAllowed } = this.#ports;
    const { store, operations } = state;
    return this.#commit(command, () => execute(command, { store, operations, clock, random, loopbackAllowed }));
  }

  async #runOnSecrets(command: Command): Promise<Outcome> {
    const { state, clock } = this.#ports;
    const { project, vault, store } = state;
    const call: SecretCall = { command, context: { project, vault, clock, nextRevision: () => store.nextRevision() } };
    if (command.verb === "addVersion") {
      // The key is opened and the payload sealed before the transaction, which cannot wait for either.
      const sealed = await sealVersion(call, this.#keyring);
      return this.#commit(command, () => effectOf(command, addSealedVersion(call, sealed)));
    }
    if (command.verb === "accessVersion") {
      const { body } = await accessVersion(call, this.#keyring);
      state.audit.record(command, [], clock.now());
      return { status: 200, body };
    }
    return this.#commit(command, () => effectOf(command, executeSecretCommand(call)));
  }

  async #answer(command: Command): Promise<JsonObject> {
    const { state, clock } = this.#ports;
    switch (command.verb) {
      case "explain":
        // Plain data through and through; the interfaces of the pure part only lack an index signature.
        return state.explainer.explain(command.body) as unknown as JsonObject;
      case "status":
        return statusOf(state, clock.now());
      case "metrics":
        for (const { key, points } of readMetrics(command.body, state.store, clock.now())) this.#ports.measure(key, { points });
        return {};
      case "services":
        return { services: [...state.configurations.services()] };
      case "audit":
        return { entries: [...state.audit.list(auditPage)] };
      default:
        throw new UserError({ code: "notFound", message: `There is no method '${command.verb}'.` });
    }
  }

  #commit(command: Command, work: () => Effect): Outcome {
    const { outcome, changes } = this.#ports.state.store.transaction(() => {
      const effect = work();
      if (effect.changes.length > 0) this.#follow(command, effect);
      return effect;
    });
    if (changes.length > 0) this.#ports.committed();
    return outcome;
  }

  /** Everything that comes of a change, within its transaction. */
  #follow(command: Command, { changes, secrets = [] }: Effect): void {
    const { state, clock } = this.#ports;
    const now = clock.now();
    const gone = state.groups.update(changes);
    state.leases.update(changes);
    const keys = new Set([
      ...changes.flatMap(({ key }) => touchedBy(state.view, key)),
      ...gone.map((key) => dependency.group(key)),
      ...secrets.map((name) => dependency.secret(name)),
    ]);
    if (isJoin(command)) state.configurations.markStale(keys);
    else state.configurations.update(keys, now);
    const changed = changes.map(({ key }) => key);
    state.audit.record(command, changed, now);
  }
}

/** A VM that joins gets no requests before its agent has connected: nobody waits for what is compiled of it, and many may join at once. */
function isJoin({ collection, verb }: Command): boolean {
  return collection === "joinTokens" && verb === "redeem";
}

function effectOf(command: Command, { body, changed, versionsChanged }: SecretResult): Effect {
  const name = command.name ?? (typeof body["name"] === "string" ? (body["name"].split("/").at(-1) ?? "") : "");
  const changes: Change[] = changed ? [{ key: `secrets/${name}`, kind: "updated" }] : [];
  return { outcome: { status: 200, body }, changes, ...(versionsChanged && { secrets: [name] }) };
}
