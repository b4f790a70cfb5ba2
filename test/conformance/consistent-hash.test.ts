/** Envoy's Maglev tables, hash rings and XXH64, from ../shared/conformance. */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { xxHash64 } from "#base/xxhash.ts";
import { hashRing } from "#proxy/balance/hash-ring.ts";
import { maglevTable } from "#proxy/balance/maglev.ts";

interface Host {
  readonly address: string;
  readonly hostname?: string;
  readonly hashKey?: string;
  readonly weight?: number;
  readonly zone?: string;
}

interface MaglevCase {
  readonly name: string;
  readonly tableSize: number;
  readonly hosts: readonly Host[];
  readonly table: readonly number[];
  readonly useHostname: boolean;
  readonly localityWeights?: readonly number[];
  readonly hostsPerLocality?: readonly (readonly number[])[];
  readonly minEntriesPerHost: number;
  readonly maxEntriesPerHost: number;
}

interface RingCase {
  readonly name: string;
  readonly hosts: readonly Host[];
  /** Hash and last two digits of the port. */
  readonly ring: readonly (readonly [hash: string, port: string])[];
  readonly checks: readonly (readonly [hash: string, host: number])[];
  readonly stats: { readonly size: number; readonly min_hashes_per_host: number; readonly max_hashes_per_host: number };
  readonly hash: string;
  readonly minimum_ring_size: number;
  readonly maximum_ring_size?: number;
  readonly localityWeights?: string;
}

interface Vectors {
  readonly maglev: readonly MaglevCase[];
  readonly ringHash: readonly RingCase[];
  readonly xxHash64: readonly (readonly [text: string, hash: string])[];
}

const file = "../shared/conformance/consistent-hash-vectors.json";
const vectors: Vectors = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : { maglev: [], ringHash: [], xxHash64: [] };
const keyOf = ({ address, hostname, hashKey }: Host): string => hashKey ?? hostname ?? address;
const envoyMaximum = 8_388_608;

if (!existsSync(file)) test.skip(`${file} is not there`, () => undefined);
else {
  describe("XXH64", () => {
    test.each(vectors.xxHash64)("%j", (text, hash) => expect(String(xxHash64(text))).toBe(hash));
  });

  describe("Maglev", () => {
    test.each(vectors.maglev)("$name", ({ hosts, tableSize, table, localityWeights, hostsPerLocality, ...bounds }) => {
      const made = maglevTable(...entriesOf(hosts, tableSize, { localityWeights, hostsPerLocality }));
      expect(made.map((owner) => indexes(hosts, { localityWeights, hostsPerLocality })[owner] ?? -1)).toEqual(Int32Array.from(table));
      const counts = hosts.map((_, index) => table.filter((owner) => owner === index).length).filter((count) => count > 0);
      expect([Math.min(...counts), Math.max(...counts)]).toEqual([bounds.minEntriesPerHost, bounds.maxEntriesPerHost]);
    });
  });

  // Google's RING_HASH is Envoy's with its default hash; there is no way to ask for MurmurHash.
  const isOurs = ({ hash, hosts }: RingCase): boolean => hash === "xxhash64" && hosts.length > 0;
  const rings = vectors.ringHash.filter(isOurs);

  test("no ring is left out but the one of MurmurHash and the one whose hosts are not in the data", () => {
    expect(vectors.ringHash.filter((ring) => !isOurs(ring)).map(({ name }) => name)).toEqual([
      "BasicWithMurmur2",
      "LopsidedWeightSmallScale",
    ]);
  });

  describe("rings", () => {
    test.each(rings)("$name", ({ hosts, ring, checks, stats, localityWeights, ...size }) => {
      const zones = [...new Set(hosts.map(({ zone }) => zone))];
      const ofZones = localityWeights?.split(", ").map(Number);
      const entries = hosts
        .map((host) => ({ key: keyOf(host), weight: (host.weight ?? 1) * (ofZones?.[zones.indexOf(host.zone)] ?? 1) }))
        .filter(({ weight }) => weight > 0);
      const made = hashRing(entries, { minimum: size.minimum_ring_size, maximum: size.maximum_ring_size ?? envoyMaximum });
      const counts = entries.map((_, index) => made.owners.filter((owner) => owner === index).length);
      expect([made.owners.length, Math.min(...counts), Math.max(...counts)]).toEqual([
        stats.size,
        stats.min_hashes_per_host,
        stats.max_hashes_per_host,
      ]);
      if (ring.length > 0) {
        const shown = [...made.hashes].map((hash, index) => [String(hash), hosts[made.owners[index] ?? -1]?.address.slice(-2)]);
        expect(shown).toEqual(ring);
      }
      for (const [hash, host] of checks) expect(made.owners[made.placeOf(BigInt(hash))], hash).toBe(host);
    });
  });
}

interface Localities {
  readonly localityWeights: readonly number[] | undefined;
  readonly hostsPerLocality: readonly (readonly number[])[] | undefined;
}

/** Envoy goes through the hosts by locality, those of weight 0 left out, a host's share being that of its locality times its own in there. */
function indexes(hosts: readonly Host[], { localityWeights, hostsPerLocality }: Localities): number[] {
  if (!localityWeights || !hostsPerLocality) return [...hosts.keys()];
  return hostsPerLocality.flatMap((members, locality) => ((localityWeights[locality] ?? 0) > 0 ? members : []));
}

function entriesOf(hosts: readonly Host[], size: number, localities: Localities): [{ key: string; weight: number }[], number] {
  const { localityWeights, hostsPerLocality } = localities;
  const entries = indexes(hosts, localities).flatMap((index) => {
    const host = hosts[index];
    if (!host) return [];
    const own = host.weight ?? 1;
    const locality = hostsPerLocality?.findIndex((members) => members.includes(index)) ?? -1;
    const siblings = hostsPerLocality?.[locality]?.reduce((sum, each) => sum + (hosts[each]?.weight ?? 1), 0) ?? 1;
    return [{ key: keyOf(host), weight: locality === -1 ? own : ((localityWeights?.[locality] ?? 0) * own) / siblings }];
  });
  return [entries, size];
}
