import { type Asked, askByTcp, askByUdp } from "./ask.ts";
import { answerQuery, internetClass, readQuery, rcodes, refuseQuery, types } from "./message.ts";
import type { ResolverAddress } from "./system-resolvers.ts";

/** What becomes of each query: names of the mesh are answered here, all others by the system's resolvers, whatever they say. */

export interface ForwarderOptions {
  readonly isMeshName: (host: string) => boolean;
  /** IPv4 address that names of the mesh have: where the outbound listener is. */
  readonly address: string;
  readonly resolvers: () => Promise<readonly ResolverAddress[]>;
  /** For each resolver. */
  readonly timeoutMs: number;
  /** Where queries come in: never asked. */
  readonly self: () => ResolverAddress;
}

export type Transport = "udp" | "tcp";

/** A name may become one of the mesh, or cease to be one, at any time. */
const ttlSec = 5;
const queriesAtOnce = 512;
/** A resolver of the system that asks here for what it is asked by us would go round for ever. */
const sameAtOnce = 8;

export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #underWay = new Map<string, number>();
  #count = 0;

  constructor(options: ForwarderOptions) {
    this.#options = options;
  }

  /** The reply; undefined: none is sent. Never rejects. */
  async reply(query: Uint8Array, transport: Transport): Promise<Uint8Array | undefined> {
    const received = readQuery(query);
    if (received.kind === "drop") return undefined;
    if (received.kind === "refuse") return refuseQuery(query, received.rcode);
    const { question } = received;
    if (question.class === internetClass && question.name !== undefined && this.#options.isMeshName(question.name)) {
      const hasAddress = question.type === types.a || question.type === types.any;
      return answerQuery(query, question, { addresses: hasAddress ? [this.#options.address] : [], ttlSec });
    }
    const key = `${question.name} ${question.type}`;
    const same = this.#underWay.get(key) ?? 0;
    if (same >= sameAtOnce || this.#count >= queriesAtOnce) return refuseQuery(query, rcodes.servFail, question);
    this.#count += 1;
    this.#underWay.set(key, same + 1);
    const reply = await this.#ask({ query, question, timeoutMs: this.#options.timeoutMs }, transport).catch(() => undefined);
    this.#count -= 1;
    const left = (this.#underWay.get(key) ?? 1) - 1;
    if (left === 0) this.#underWay.delete(key);
    else this.#underWay.set(key, left);
    return reply ?? refuseQuery(query, rcodes.servFail, question);
  }

  async #ask(asked: Asked, transport: Transport): Promise<Uint8Array | undefined> {
    const self = this.#options.self();
    for (const resolver of await this.#options.resolvers()) {
      if (resolver.address === self.address && resolver.port === self.port) continue;
      const reply = await (transport === "udp" ? askByUdp : askByTcp)(asked, resolver);
      if (reply) return reply;
    }
    return undefined;
  }
}
