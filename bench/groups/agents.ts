/** Simulated agents: real tokens, real keys, real calls; no application and no process of their own. */
import { generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { connectText } from "#base/signing.ts";
import { quantile } from "../figure.ts";
import { type Api, eachOf, textIn } from "./api.ts";

export interface Place {
  readonly project: string;
  readonly zone: string;
}

interface SimulatedAgent {
  readonly group: string;
  readonly name: string;
  readonly privateKey: KeyObject;
  session: string;
  sequence: number;
}

/** Most VMs that one join token lets in. */
const usesOfToken = 1000;

export class Agents {
  readonly #api: Api;
  readonly #base: string;
  readonly #place: Place;
  readonly #agents: SimulatedAgent[] = [];

  constructor(api: Api, place: Place) {
    this.#api = api;
    this.#place = place;
    this.#base = `/wayside/v1/projects/${place.project}`;
  }

  /** Those of one group. */
  namesOf(group: string): readonly string[] {
    return this.#agents.filter((agent) => agent.group === group || agent.group.endsWith(`/${group}`)).map(({ name }) => name);
  }

  /** Joins so many VMs, spread over the groups; gives how many a second. */
  async join(count: number, groups: readonly string[], width: number): Promise<number> {
    const tokens = new Map<string, string>();
    const wanted = Array.from({ length: count }, (_, index) => ({ index, group: groups[index % groups.length] ?? "" }));
    const tokenOf = async (group: string, index: number): Promise<string> => {
      const key = `${group} ${Math.floor(index / groups.length / usesOfToken)}`;
      const known = tokens.get(key);
      if (known !== undefined) return known;
      const made = await this.#api.call({
        method: "POST",
        path: `${this.#base}/joinTokens`,
        body: { group, zone: this.#place.zone, uses: usesOfToken },
      });
      const token = textIn(made, "token");
      tokens.set(key, token);
      return token;
    };
    for (const { group, index } of wanted) await tokenOf(group, index);
    const began = performance.now();
    await eachOf(wanted, width, async ({ group, index }) => {
      const { publicKey, privateKey } = generateKeyPairSync("ed25519");
      const body = {
        token: await tokenOf(group, index),
        publicKey: publicKey.export({ format: "jwk" }).x,
        networkInterfaces: [{ networkIP: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}` }],
        port: 8080,
      };
      const joined = await this.#api.call({ method: "POST", path: `${this.#base}/join`, body });
      this.#agents.push({
        group: textIn(joined, "group"),
        name: textIn(joined, "name"),
        privateKey,
        session: "",
        sequence: 0,
      });
    });
    return count / ((performance.now() - began) / 1000);
  }

  /** Each opens its session; gives how many a second. */
  async connect(width: number): Promise<number> {
    const { project } = this.#place;
    const began = performance.now();
    await eachOf(this.#agents, width, async (agent) => {
      const { group, name, privateKey } = agent;
      const claim = { project, group, name, epoch: 1, nonce: name };
      const signature = sign(undefined, Buffer.from(connectText(claim)), privateKey).toString("base64url");
      const body = { ...claim, signature };
      // The Lease object hears of its members behind the join.
      for (let tries = 0; agent.session === ""; tries++) {
        const answer = await this.#api.call({ method: "POST", path: `${this.#base}/connect`, body }).catch((failure: unknown) => {
          if (tries > 100) throw failure;
          return undefined;
        });
        if (answer) agent.session = textIn(answer, "session");
        else await new Promise((resolve) => setTimeout(resolve, 100));
      }
    });
    return this.#agents.length / ((performance.now() - began) / 1000);
  }

  /** Each sends a heartbeat every `intervalMs`, at a time of its own, for `seconds`. */
  async heartbeat(seconds: number, intervalMs: number): Promise<Heartbeats> {
    const latencies: number[] = [];
    let failed = 0;
    let late = 0;
    const began = performance.now();
    const end = began + seconds * 1000;
    const pending = new Set<Promise<void>>();
    const beats = Math.floor((seconds * 1000) / intervalMs);
    for (let slot = 0; performance.now() < end; slot++) {
      const agent = this.#agents[slot % this.#agents.length];
      if (!agent || slot >= this.#agents.length * beats) break;
      const dueMs = began + (slot / this.#agents.length) * intervalMs;
      const wait = dueMs - performance.now();
      if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait));
      else if (wait < -1000) late++;
      const sent = performance.now();
      const one = this.#beat(agent).then(
        () => void latencies.push(performance.now() - sent),
        () => void failed++,
      );
      pending.add(one);
      void one.then(() => pending.delete(one));
    }
    await Promise.all(pending);
    const sorted = latencies.toSorted((a, b) => a - b);
    const perSecond = latencies.length / ((performance.now() - began) / 1000);
    return { count: latencies.length, failed, late, perSecond, p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) };
  }

  #beat(agent: SimulatedAgent): Promise<unknown> {
    const { name, session } = agent;
    const body = { name, epoch: 1, sequence: ++agent.sequence, healthy: true };
    return this.#api.call({ method: "POST", path: `${this.#base}/heartbeat`, body, bearer: session });
  }
}

export interface Heartbeats {
  readonly count: number;
  readonly failed: number;
  /** Sent more than a second after they were due: the generator or the server could not keep up. */
  readonly late: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}
