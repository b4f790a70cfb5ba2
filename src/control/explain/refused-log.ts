import type { ReportedProxy } from "../bus.ts";

/** The requests that the mesh answered itself, as its proxies report them, so that the id in such an answer can be explained. */

export type RefusedRequest = NonNullable<ReportedProxy["refusals"]>[number];

const kept = 1_000;
const longest = { text: 2_000, url: 8_000, value: 1_000, headers: 100 };

/** In memory alone: they are of interest for minutes, and a write for each would let a flood of 404 wear the storage out. */
export class RefusedLog {
  /** Oldest first. */
  readonly #byId = new Map<string, RefusedRequest>();

  accept(reports: readonly ReportedProxy[]): void {
    for (const { refusals = [] } of reports) for (const refused of refusals) this.#add(trimmed(refused));
  }

  get(id: string): RefusedRequest | undefined {
    return this.#byId.get(id);
  }

  /** Of requests with one trace id the newest counts. */
  #add(refused: RefusedRequest): void {
    this.#byId.delete(refused.id);
    this.#byId.set(refused.id, refused);
    const [oldest] = this.#byId.keys();
    if (this.#byId.size > kept && oldest !== undefined) this.#byId.delete(oldest);
  }
}

/** A proxy is trusted with its own service, not with our memory. */
function trimmed(refused: RefusedRequest): RefusedRequest {
  const { id, atMs, generation, reason, text, method, url, headers, withheld } = refused;
  return {
    id: id.slice(0, 64),
    atMs,
    generation,
    reason: reason.slice(0, 100),
    text: text.slice(0, longest.text),
    method: method.slice(0, 100),
    url: url.slice(0, longest.url),
    headers: headers.slice(0, longest.headers).map(({ name, value }) => ({ name, value: value.slice(0, longest.value) })),
    withheld: withheld.slice(0, longest.headers),
  };
}
