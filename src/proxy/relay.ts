import type { BodyEnd, Relay } from "./upstream/deliver.ts";
import type { Lifetime } from "./upstream/lifetime.ts";

/** WebSockets whose length or silence the route bounds. Others are handed over whole, and cost the proxy nothing. */

/** RFC 6455 7.4.1: going away. */
const goingAway = 1001;

/** workerd's `Relay`. */
export const relay: Relay = (upstream, lifetime) => {
  const { 0: socket, 1: caller } = new WebSocketPair();
  const end = new Promise<BodyEnd>((resolve) => {
    const stop = (): void => {
      close(upstream, goingAway, "");
      close(caller, goingAway, "");
      finish("broken");
    };
    const finish = (how: BodyEnd): void => {
      lifetime.close();
      resolve(how);
    };
    join({ from: upstream, to: caller, lifetime, finish });
    join({ from: caller, to: upstream, lifetime, finish });
    lifetime.watch(stop);
  });
  return { socket, end };
};

interface Direction {
  readonly from: WebSocket;
  readonly to: WebSocket;
  readonly lifetime: Lifetime;
  readonly finish: (how: BodyEnd) => void;
}

function join({ from, to, lifetime, finish }: Direction): void {
  from.addEventListener("message", ({ data }) => {
    lifetime.moved();
    try {
      to.send(data);
    } catch {
      // The other end is closed; its close event tells.
    }
  });
  from.addEventListener("close", ({ code, reason }) => {
    close(to, code, reason);
    finish("complete");
  });
  from.addEventListener("error", () => {
    close(to, goingAway, "");
    finish("broken");
  });
  // Binary messages could come as blobs, which cannot be sent on before they are read.
  from.binaryType = "arraybuffer";
  from.accept();
}

/** Codes below 1000 and 1004 to 1006, 1015 are never sent (RFC 6455 7.4): they stand for a close frame without one, or for none. */
function close(socket: WebSocket, code: number, reason: string): void {
  try {
    if (code < 1000 || (code >= 1004 && code <= 1006) || code === 1015) socket.close();
    else socket.close(code, reason);
  } catch {
    // It is closed.
  }
}
