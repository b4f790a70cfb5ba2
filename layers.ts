/**
 * Which units of `src/` each unit may import. A unit is the longest prefix of a file's path that is a key here.
 * Read by the linter (`oxlint.config.ts`) and by `test/architecture.test.ts`, which also holds ARCHITECTURE.md against it.
 */
export const layers: Readonly<Record<string, readonly string[]>> = {
  /** Clock, randomness, hashes, durations, errors, sealing: the only place that may touch the ambient world. */
  base: [],
  /** What the compiler writes and the proxy reads. */
  ir: ["base"],
  /** User-facing resources: shape, semantic checks, defaults, references. */
  model: ["base"],
  /** traceparent, spans, OTLP. */
  telemetry: ["base"],
  /** Pure: which rule a request takes, and why. */
  "proxy/match": ["ir", "base"],
  /** Pure: what is done to the request and the response; `decide` lives beside the table of filters. */
  "proxy/filters": ["proxy/match", "ir", "base"],
  /** Requests through an agent's outbound WebSocket: frames, streams, flow control, and the mesh's end of it. */
  tunnel: ["base"],
  /** The data plane. No zod, no API model. */
  proxy: ["proxy/match", "proxy/filters", "ir", "tunnel", "telemetry", "base"],
  /** Pure planners of groups, health, and the Group and Tunnel objects around them. */
  instances: ["tunnel", "base"],
  /** Resources to snapshots and group specifications: the one unit that knows `model` and `ir`. */
  "control/compiler": ["model", "ir", "instances", "tunnel", "base"],
  /** Pure: what a URL map's own tests say of it. */
  "control/validate": ["control/compiler", "proxy/match", "proxy/filters", "model", "ir", "base"],
  /** The control Worker. It shares the proxy's decision function and nothing else of the proxy. */
  control: ["control/compiler", "control/validate", "proxy/match", "proxy/filters", "model", "ir", "instances", "tunnel", "base"],
  /** Processes of a machine: which there are, what they take, and ending the right ones. */
  processes: [],
  /** Typed client of the control API. */
  client: ["base"],
  /** On a VM: joins it, runs its application beside listeners of the mesh, heartbeats, leaves; and the agent's end of a tunnel. */
  agent: ["base", "client", "tunnel", "processes", "telemetry"],
  /** The emulator: Workers in miniflare, VMs as local processes. */
  dev: ["proxy", "telemetry", "instances", "tunnel", "processes", "ir", "client", "base"],
  /** Commands for people and programs; what `analyze` and `explain --file` need of compiler and proxy is pure. */
  cli: ["client", "agent", "dev", "control/compiler", "control/validate", "proxy/match", "proxy/filters", "model", "base"],
};
