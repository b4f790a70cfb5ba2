/**
 * Where instances of managed groups come from. In the emulator a Node process (src/dev/fleet) makes each a local process;
 * deployed, no fleet is bound and instances come by joining. The protocol is HTTP with JSON over one service binding, `FLEET`:
 *   PUT    /projects/{project}/{groupKey}/instances/{name}   FleetInstance       → FleetState   (idempotent by id)
 *   DELETE /projects/{project}/{groupKey}/instances/{name}?id=ID                 → 204, after the process has ended
 *   POST   /projects/{project}/{groupKey}/instances/{name}/suspend?id=ID         → 204, it stands still and keeps its memory; PUT has it go on
 *   GET    /projects/{project}/{groupKey}/instances                              → FleetState[]
 * The fleet tells the control Worker when a process ended by itself (`FleetEvent`), so that a group need not ask.
 */

/** What is needed to make one VM. */
export interface FleetInstance {
  readonly project: string;
  readonly group: string;
  readonly groupName: string;
  readonly zone: string;
  readonly name: string;
  readonly id: string;
  readonly template: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly tags: readonly string[];
  readonly machineType: string;
  readonly namedPorts: readonly { readonly name: string; readonly port: number }[];
}

export interface FleetState {
  readonly name: string;
  readonly id: string;
  readonly address: string;
  /** Process id of the leader of the VM's process group. */
  readonly pid: number;
  readonly running: boolean;
  /** It was told to stand still, and has not been told to go on. */
  readonly suspended?: true;
  /** CPU time that all of its processes have used so far, by the clock of the fleet; absent where the system does not tell. */
  readonly cpu?: { readonly seconds: number; readonly atMs: number };
  /** Why it is not running: exit code or signal. */
  readonly exit?: string;
}

export interface FleetEvent {
  readonly project: string;
  readonly group: string;
  readonly name: string;
  readonly id: string;
  readonly exit: string;
}
