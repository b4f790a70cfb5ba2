import type { AgentLeases } from "#control/api/agents.ts";

/** Lease objects for tests in which no agent calls. */
export function noLeases(name: string): AgentLeases {
  const fail = (): Promise<never> => Promise.reject(new Error(`nobody is to ask ${name}`));
  return { openSession: fail, heartbeat: fail, authorize: fail };
}
