import { foldCase, splitAuthority } from "./request.ts";

/**
 * Host patterns to values: virtual hosts of a snapshot, services of a project. The most specific pattern wins: exact
 * `host:port`, then exact host, then the longest wildcard suffix (one with a port before one without), then `*`. A port in
 * the authority counts only for patterns that name one (Google's hostRules; Envoy's domains).
 */
export class HostTable<T> {
  readonly #exact = new Map<string, T>();
  /** By what follows the asterisk: `.shop.mesh`, `-shop.mesh`, `.shop.mesh:8080`. */
  readonly #suffixes = new Map<string, T>();
  #longestSuffix = 0;
  #any: T | undefined;
  /** What was found last: callers of a service ask for the same host again and again. */
  #last: { readonly authority: string; readonly value: T | undefined } | undefined;

  /** Of two equal patterns the first counts. Patterns are taken without regard to case. */
  constructor(entries: Iterable<readonly [pattern: string, value: T]>) {
    for (const [pattern, value] of entries) {
      const folded = foldCase(pattern);
      if (folded === "*") this.#any ??= value;
      else if (folded.startsWith("*")) this.#addSuffix(folded.slice(1), value);
      else if (!this.#exact.has(folded)) this.#exact.set(folded, value);
    }
  }

  /** The value for a `Host` header or URL authority; undefined when no pattern takes it. */
  find(authority: string): T | undefined {
    if (this.#last?.authority !== authority) this.#last = { authority, value: this.#find(authority) };
    return this.#last.value;
  }

  #find(authority: string): T | undefined {
    const whole = foldCase(authority);
    const { host } = splitAuthority(whole);
    const exact = this.#exact.get(whole) ?? this.#exact.get(host);
    return exact ?? this.#wildcard(whole) ?? this.#wildcard(host) ?? this.#any;
  }

  #addSuffix(suffix: string, value: T): void {
    if (this.#suffixes.has(suffix)) return;
    this.#suffixes.set(suffix, value);
    this.#longestSuffix = Math.max(this.#longestSuffix, suffix.length);
  }

  /** Starts behind the first character, because an asterisk stands for at least one (Envoy's rule for domains). */
  #wildcard(host: string): T | undefined {
    // No suffix is longer than the longest, which bounds what a caller can cost with a host of thousands of dots.
    for (let at = Math.max(1, host.length - this.#longestSuffix); at < host.length; at++) {
      const character = host[at];
      if (character !== "." && character !== "-") continue;
      const value = this.#suffixes.get(host.slice(at));
      if (value !== undefined) return value;
    }
    return undefined;
  }
}
