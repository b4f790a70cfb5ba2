import type { Endpoint, EndpointGroup, Subset } from "#ir/cluster.ts";

/**
 * Subset selection: requests name labels in headers and get the endpoints whose instances have them (Envoy and MOSN: `lb_subset_config`, with
 * one selector for each combination of the labels that a request names).
 */

/** As `Headers` has it. */
interface HeaderReader {
  get(name: string): string | null;
}

type Labels = Readonly<Record<string, string>>;

/** The subsets of one configuration of a cluster. The same list is handed out for the same choice. */
export class Subsets {
  readonly #subset: Subset;
  readonly #groups: readonly EndpointGroup[];
  /** By the labels that requests name, then by their values: no request can make more of these than there are subsets. */
  readonly #indexes = new Map<number, ReadonlyMap<string, readonly EndpointGroup[]>>();
  #default: readonly EndpointGroup[] | undefined;

  constructor(subset: Subset, groups: readonly EndpointGroup[]) {
    this.#subset = subset;
    this.#groups = groups;
  }

  /** The endpoints for a request. Where it names no labels, or no endpoint has them all: by `fallback` none, any, or the default subset. */
  choose(headers: HeaderReader): readonly EndpointGroup[] {
    const values: string[] = [];
    let mask = 0;
    for (const [bit, { header }] of this.#subset.selectors.entries()) {
      const value = headers.get(header);
      if (value === null) continue;
      mask |= 1 << bit;
      values.push(value);
    }
    return (mask === 0 ? undefined : this.#index(mask).get(keyOf(values))) ?? this.#fallback();
  }

  #index(mask: number): ReadonlyMap<string, readonly EndpointGroup[]> {
    const known = this.#indexes.get(mask);
    if (known) return known;
    const labels = this.#subset.selectors.filter((_, bit) => (mask & (1 << bit)) !== 0).map(({ label }) => label);
    const valuesOf = (endpoint: Endpoint): string | undefined => {
      const values = labels.flatMap((label) => labelOf(endpoint, label) ?? []);
      return values.length === labels.length ? keyOf(values) : undefined;
    };
    const keys = new Set(this.#groups.flatMap(({ endpoints }) => endpoints.flatMap((endpoint) => valuesOf(endpoint) ?? [])));
    const made = new Map([...keys].map((key) => [key, only(this.#groups, (endpoint) => valuesOf(endpoint) === key)]));
    this.#indexes.set(mask, made);
    return made;
  }

  #fallback(): readonly EndpointGroup[] {
    const { fallback, defaultLabels = {} } = this.#subset;
    switch (fallback) {
      case "ANY":
        return this.#groups;
      case "NONE":
        return nowhere;
      case "DEFAULT":
        return (this.#default ??= only(this.#groups, (endpoint) => has(endpoint, defaultLabels)));
    }
  }
}

const nowhere: readonly EndpointGroup[] = [];

function only(groups: readonly EndpointGroup[], isWanted: (endpoint: Endpoint) => boolean): readonly EndpointGroup[] {
  return groups.map((group) => ({ ...group, endpoints: group.endpoints.filter(isWanted) }));
}

function has(endpoint: Endpoint, labels: Labels): boolean {
  return Object.entries(labels).every(([label, value]) => labelOf(endpoint, label) === value);
}

function labelOf({ labels }: Endpoint, label: string): string | undefined {
  return labels && Object.hasOwn(labels, label) ? labels[label] : undefined;
}

/** Values of headers and labels hold no line breaks. */
function keyOf(values: readonly string[]): string {
  return values.join("\n");
}
