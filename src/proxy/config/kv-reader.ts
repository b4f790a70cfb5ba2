import type { KvReader } from "./bus-host.ts";

/** The least that Workers KV allows: how old a pointer may be that a data centre has cached. */
const pointerTtlSeconds = 30;
/** Snapshots are immutable. */
const snapshotTtlSeconds = 86_400;

/** The bus in Workers KV, with a cache time that fits each kind of key; sealed secrets have KV's default of a minute. */
export function kvReader(kv: KVNamespace): KvReader {
  return {
    get: (key) => {
      if (key.startsWith("ptr/")) return kv.get(key, { type: "arrayBuffer", cacheTtl: pointerTtlSeconds });
      if (key.startsWith("snap/")) return kv.get(key, { type: "arrayBuffer", cacheTtl: snapshotTtlSeconds });
      return kv.get(key, "arrayBuffer");
    },
  };
}
