import type { Place } from "./control-plane.ts";
import type { ListenerOptions } from "./listeners.ts";

/** What `wayside agent join` was asked for; kept in the state folder for the agent that takes over. */
export interface AgentOptions {
  readonly folder: string;
  readonly mesh: string;
  readonly project: string;
  readonly group?: string;
  readonly name?: string;
  readonly place: Place;
  readonly healthPath?: string;
  readonly command: readonly string[];
  /** After a signal the VM stays registered, out of traffic, until it is back: for machines that are only started anew. */
  readonly stayRegistered: boolean;
  /** Whether the mesh is to reach the VM through a tunnel that the agent opens. */
  readonly isTunneled?: boolean;
  /** Where the agent looks at its application, which gets the port as `PORT`; absent: nowhere. */
  readonly app?: { readonly host: string; readonly port: number };
  readonly listeners?: ListenerOptions;
}
