/** Requests byte by byte, for what no HTTP client would send. */
import { connect, type Socket } from "node:net";

const deadlineMs = 10_000;

export interface RawAnswer {
  /** 0 when the connection ended without an answer. */
  readonly status: number;
  /** Everything that came, one character a byte. */
  readonly text: string;
}

/** Opens a connection to an origin; errors of it are of no interest. */
export function open(origin: string): Socket {
  const { hostname, port } = new URL(origin);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => undefined);
  return socket;
}

/**
 * Sends text, one byte a character, closes its own half when `ends` says so, and waits until the other side closes. Requests should say
 * `Connection: close`; rejects after 10 s.
 */
export function exchange(origin: string, text: string, ends = false): Promise<RawAnswer> {
  const socket = open(origin);
  let received = "";
  socket.on("data", (chunk: Buffer) => (received += chunk.toString("latin1")));
  socket.write(Buffer.from(text, "latin1"));
  if (ends) socket.end();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`the connection was not closed in ${deadlineMs} ms; received: ${received}`));
    }, deadlineMs);
    socket.on("close", () => {
      clearTimeout(timer);
      resolve({ status: Number(/^HTTP\/1\.[01] (\d{3})/.exec(received)?.[1] ?? 0), text: received });
    });
  });
}
