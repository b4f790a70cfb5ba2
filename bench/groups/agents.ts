/** Simulated agents: real tokens, real keys, real calls; no application and no process of their own. */
import { generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { connectText } from "#base/signing.ts";
import { quantile } from "../figure.ts";
import { type Api, eachOf, textIn } from "./api.ts";

export interface Place {
  readonly project: string;
  readonly zone: string;
}

export interface SimulatedAgent {
  readonly group: string;
  readonly name: string;
  readonly privateKey: KeyObject;
  session: string;
  sequence: number;
}

/** Most VMs that one join token lets in. */
const usesOfToken = 1000;
/** Joins, or connects, that are under way at once. */
const width = 48;
const mostTries = 100;

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

  /** Joins so many VMs, spread over the groups, with leases of this length; gives how many a second. */
  async join(count: number, groups: readonly string[], leaseTtlSec: number): Promise<number> {
    const tokens = await Promise.all(
      groups.map((group) => {
        const ofGroup = Math.ceil(count / groups.length);
        return Promise.all(
          Array.from({ length: Math.ceil(ofGroup / usesOfToken) }, () => this.#token(group, { leaseTtlSec, uses: usesOfToken })),
        );
      }),
    );
    const began = performance.now();
    const numbers = Array.from({ length: count }, (_, index) => index);
    await eachOf(numbers, width, async (index) => {
      const token = tokens[index % groups.length]?.[Math.floor(index / groups.length / usesOfToken)] ?? "";
      this.#agents.push(await this.#join(token, index));
    });
    return count / ((performance.now() - began) / 1000);
  }

  /** Each opens its session; gives how many a second. */
  async connect(): Promise<number> {
    const began = performance.now();
    await eachOf(this.#agents, width, (agent) => this.#connect(agent));
    return this.#agents.length / ((performance.now() - began) / 1000);
  }

  /** One more that is connected, and takes no part in `heartbeat`. */
  async joinOne(group: string, leaseTtlSec: number): Promise<SimulatedAgent> {
    const agent = await this.#join(await this.#token(group, { leaseTtlSec, uses: 1 }), this.#agents.length);
    await this.#connect(agent);
    return agent;
  }

  async #token(group: string, terms: { readonly leaseTtlSec: number; readonly uses: number }): Promise<string> {
    const body = { group, zone: this.#place.zone, ...terms };
    return textIn(await this.#api.call({ method: "POST", path: `${this.#base}/joinTokens`, body }), "token");
  }

  async #join(token: string, index: number): Promise<SimulatedAgent> {
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    const body = {
      token,
      publicKey: publicKey.export({ format: "jwk" }).x,
      networkInterfaces: [{ networkIP: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}` }],
      port: 8080,
    };
    const joined = await this.#api.call({ method: "POST", path: `${this.#base}/join`, body });
    return { group: textIn(joined, "group"), name: textIn(joined, "name"), privateKey, session: "", sequence: 0 };
  }

  async #connect(agent: SimulatedAgent): Promise<void> {
    const { group, name, privateKey } = agent;
    const claim = { project: this.#place.project, group, name, epoch: 1, nonce: name };
    const signature = sign(undefined, Buffer.from(connectText(claim)), privateKey).toString("base64url");
    const body = { ...claim, signature };
    // The Lease object hears of its members behind the join.
    for (let tries = 0; agent.session === ""; tries++) {
      const answer = await this.#api.call({ method: "POST", path: `${this.#base}/connect`, body }).catch((failure: unknown) => {
        if (tries > mostTries) throw failure;
        return undefined;
      });
      if (answer) agent.session = textIn(answer, "session");
      else await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Each sends a heartbeat every `intervalMs`, at a time of its own, until so many rounds are over or `until` says so. */
  async heartbeat(rounds: number, intervalMs: number, until: AbortSignal = AbortSignal.any([])): Promise<Heartbeats> {
    const latencies: number[] = [];
    let failed = 0;
    let late = 0;
    const agents = [...this.#agents];
    const began = performance.now();
    const pending = new Set<Promise<void>>();
    for (let slot = 0; slot < rounds * agents.length && !until.aborted; slot++) {
      const agent = agents[slot % agents.length];
      if (!agent) break;
      const wait = began + (slot / agents.length) * intervalMs - performance.now();
      if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait));
      else if (wait < -1000) late++;
      const sent = performance.now();
      const one = this.beat(agent, true).then(
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

  /** One heartbeat. */
  beat(agent: SimulatedAgent, healthy: boolean): Promise<unknown> {
    const { name, session } = agent;
    const body = { name, epoch: 1, sequence: ++agent.sequence, healthy };
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
