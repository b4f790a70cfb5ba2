/** What a peer did that no peer does: the tunnel is closed with a code and a reason, and nothing else is harmed. */

/** Close codes of WebSocket (RFC 6455 7.4.1) that a tunnel uses. */
export const closeCodes = { protocol: 1002, unsupported: 1003, tooBig: 1009 } as const;

/** Close codes of a tunnel's own (RFC 6455 7.4.2: 4000 to 4999 are for private use). */
export const ownCloseCodes = {
  /** A newer connection of the same instance has taken over; who gets this one does not come back. */
  replaced: 4001,
  /** The peer is done: it has finished what it had, and takes nothing more. */
  done: 4002,
} as const;

export class ProtocolFault extends Error {
  readonly code: number;

  /** `reason` is sent to the peer; WebSocket allows 123 bytes. */
  constructor(reason: string, code: number = closeCodes.protocol) {
    super(reason.slice(0, 120));
    this.name = "ProtocolFault";
    this.code = code;
  }
}
