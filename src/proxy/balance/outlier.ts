import type { Random } from "#base/random.ts";
import type { OutlierDetection } from "#ir/cluster.ts";

/**
 * Outlier detection: endpoints that fail are left out for a while, on what this proxy itself has seen of them (Envoy:
 * `outlier_detection`, whose algorithm this is). It closes the gap until health checks notice, and sees what they do not.
 */

/** What an attempt showed of an endpoint. `gatewayFailure`: 502, 503, 504 or no answer at all; `error`: any other 5xx. */
export type Verdict = "success" | "error" | "gatewayFailure";

/** An answer's status as a verdict; undefined stands for no answer. */
export function verdictOf(status: number | undefined): Verdict {
  if (status === undefined || (status >= 502 && status <= 504)) return "gatewayFailure";
  return status >= 500 ? "error" : "success";
}

interface Host {
  errorsInARow: number;
  gatewayFailuresInARow: number;
  /** Of the present interval. */
  requests: number;
  successes: number;
  /** How often it was ejected; goes down by one with each interval that it stays in. */
  ejections: number;
  /** Ms since the epoch; undefined while it takes part. */
  ejectedUntilMs: number | undefined;
}

/** Where a percentage of few endpoints is less than one, one may be ejected nevertheless (Envoy: `always_eject_one_host`). */
const leastEjectable = 1;

export class OutlierDetector {
  #settings: OutlierDetection;
  readonly #random: Random;
  readonly #hosts = new Map<string, Host>();
  #members: ReadonlySet<string> = new Set();
  #ejected = 0;
  #nextSweepMs: number;

  /** `now` in ms since the epoch, here as in every method. */
  constructor(settings: OutlierDetection, random: Random, now: number) {
    this.#settings = settings;
    this.#random = random;
    this.#nextSweepMs = now + settings.intervalMs;
  }

  /**
   * Takes over a newer configuration, whose healthy endpoints are `members`. What was seen of those that stay is kept; one that health
   * checks took out in between begins anew (Envoy: a successful active health check un-ejects).
   */
  configure(settings: OutlierDetection, members: ReadonlySet<string>): void {
    this.#settings = settings;
    this.#members = members;
    for (const [key, host] of this.#hosts) {
      if (members.has(key)) continue;
      this.#hosts.delete(key);
      if (host.ejectedUntilMs !== undefined) this.#ejected -= 1;
    }
  }

  /** How many endpoints are ejected. */
  get ejected(): number {
    return this.#ejected;
  }

  /** The keys of the ejected endpoints. */
  ejectedKeys(): string[] {
    return [...this.#hosts].flatMap(([key, host]) => (host.ejectedUntilMs === undefined ? [] : [key]));
  }

  isEjected(key: string): boolean {
    return this.#ejected > 0 && this.#hosts.get(key)?.ejectedUntilMs !== undefined;
  }

  /** Takes note of the end of an attempt. True: the endpoint was ejected for it. */
  record(key: string, verdict: Verdict, now: number): boolean {
    // An answer of an endpoint that has left in the meantime.
    if (!this.#members.has(key)) return false;
    const host = this.#host(key);
    host.requests += 1;
    if (verdict === "success") {
      host.successes += 1;
      host.errorsInARow = 0;
      host.gatewayFailuresInARow = 0;
      return false;
    }
    // An answer that comes in after the ejection is no reason for another.
    if (host.ejectedUntilMs !== undefined) return false;
    const { consecutiveErrors, consecutiveGatewayFailure } = this.#settings;
    host.errorsInARow += 1;
    host.gatewayFailuresInARow = verdict === "gatewayFailure" ? host.gatewayFailuresInARow + 1 : 0;
    if (consecutiveGatewayFailure > 0 && host.gatewayFailuresInARow === consecutiveGatewayFailure) {
      host.gatewayFailuresInARow = 0;
      if (this.#eject(host, this.#settings.enforcingConsecutiveGatewayFailure, now)) return true;
    }
    if (consecutiveErrors === 0 || host.errorsInARow !== consecutiveErrors) return false;
    host.errorsInARow = 0;
    return this.#eject(host, this.#settings.enforcingConsecutiveErrors, now);
  }

  /**
   * What is done once in every interval: endpoints whose time is over come back, and those whose success rate is far below the others' are
   * ejected. Called whenever the cluster is used, since a Worker has no timer between requests. True: some endpoint came or went.
   */
  sweep(now: number): boolean {
    // A clock that was set back would put the next sweep out of reach.
    if (this.#nextSweepMs - now > this.#settings.intervalMs) this.#nextSweepMs = now;
    if (now < this.#nextSweepMs) return false;
    const { intervalMs } = this.#settings;
    const intervals = 1 + Math.floor((now - this.#nextSweepMs) / intervalMs);
    this.#nextSweepMs += intervals * intervalMs;
    const before = this.#ejected;
    for (const host of this.#hosts.values()) this.#age(host, intervals, now);
    const returned = before - this.#ejected;
    const sentAway = this.#ejectBySuccessRate(now);
    for (const host of this.#hosts.values()) host.requests = host.successes = 0;
    return returned + sentAway > 0;
  }

  #age(host: Host, intervals: number, now: number): void {
    if (host.ejectedUntilMs === undefined) {
      host.ejections = Math.max(0, host.ejections - intervals);
    } else if (now >= host.ejectedUntilMs) {
      host.ejectedUntilMs = undefined;
      host.errorsInARow = host.gatewayFailuresInARow = 0;
      this.#ejected -= 1;
    }
  }

  /** Envoy: those below mean − factor × standard deviation, where enough endpoints had enough requests. Returns how many. */
  #ejectBySuccessRate(now: number): number {
    const { enforcingSuccessRate, successRateMinimumHosts, successRateRequestVolume, successRateStdevFactor } = this.#settings;
    if (enforcingSuccessRate === 0) return 0;
    const rated = [...this.#hosts.values()].filter(
      (host) => host.ejectedUntilMs === undefined && host.requests > 0 && host.requests >= successRateRequestVolume,
    );
    if (rated.length === 0 || rated.length < successRateMinimumHosts) return 0;
    const rates = rated.map(({ successes, requests }) => successes / requests);
    const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
    const variance = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / rates.length;
    const least = mean - (successRateStdevFactor / 1000) * Math.sqrt(variance);
    return rated.filter((host, index) => (rates[index] ?? 1) < least && this.#eject(host, enforcingSuccessRate, now)).length;
  }

  /** Ejects for the base time, times how often it has been ejected lately; unless the dice or the limit stand against it. */
  #eject(host: Host, enforcingPercent: number, now: number): boolean {
    const { baseEjectionMs, maxEjectionMs, maxEjectionPercent } = this.#settings;
    if (this.#random.float() * 100 >= enforcingPercent || maxEjectionPercent === 0) return false;
    const ejectable = Math.max(leastEjectable, Math.floor((this.#members.size * maxEjectionPercent) / 100));
    if (this.#ejected >= ejectable) return false;
    host.ejections += 1;
    host.ejectedUntilMs = now + Math.min(baseEjectionMs * host.ejections, Math.max(baseEjectionMs, maxEjectionMs));
    this.#ejected += 1;
    return true;
  }

  #host(key: string): Host {
    const known = this.#hosts.get(key);
    if (known) return known;
    const made: Host = { errorsInARow: 0, gatewayFailuresInARow: 0, requests: 0, successes: 0, ejections: 0, ejectedUntilMs: undefined };
    this.#hosts.set(key, made);
    return made;
  }
}
