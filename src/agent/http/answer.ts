import type { ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Refusal } from "./request-head.ts";

/** Answers of a listener itself, in the form of the mesh's own: `x-wayside-reason`, `x-wayside-id`, one line of text. */

interface Answer extends Refusal {
  /** Finds the request in traces; absent where none was read. */
  readonly id?: string;
}

/** Answers and closes the connection: what is left of the request is not read. */
export function sendAnswer(outgoing: ServerResponse, answer: Answer): void {
  outgoing.shouldKeepAlive = false;
  const { body, fields } = formOf(answer);
  outgoing.writeHead(answer.status, fields).end(body);
}

/** The same where no response object is there, because no request could be read. Does nothing on a connection that is closed already. */
export function sendRawAnswer(socket: Duplex, answer: Answer): void {
  if (!socket.writable) return void socket.destroy();
  const { body, fields } = formOf(answer);
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${answer.status} ${answer.reason}\r\n${lines.join("")}\r\n${body}`, () => socket.destroy());
}

function formOf({ reason, text, id }: Answer): { readonly body: string; readonly fields: Record<string, string> } {
  const body = `wayside: ${reason}: ${text}${id === undefined ? "" : ` (${id})`}\n`;
  const fields = {
    "content-type": "text/plain; charset=utf-8",
    "content-length": String(body.length),
    connection: "close",
    "x-wayside-reason": reason,
    ...(id !== undefined && { "x-wayside-id": id }),
  };
  return { body, fields };
}
