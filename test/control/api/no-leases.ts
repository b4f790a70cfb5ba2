import type { AgentLeases } from "#control/api/agents.ts";

/** Lease objects for tests in which no agent calls. */
export function noLeases(name: string): AgentLeases {
  const fail = (): Promise<never> => Promise.reject(new Error(`nobody is to ask ${name}`));
  // Heard of nobody: what a look at an instance finds.
  return { openSession: fail, heartbeat: fail, lastHeartbeat: () => Promise.resolve(undefined), authorize: fail };
}
