/** Applications on loopback addresses, as instances of backend services. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import http from "node:http";
import type net from "node:net";

/** What an instance received. */
interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
}

export interface Instance {
  readonly address: string;
  readonly port: number;
  readonly received: Received[];
  /** As by `kill -9`: no connection is accepted any more, and those there are are cut. */
  kill(): void;
}

type Behave = (request: http.IncomingMessage, response: http.ServerResponse, body: Buffer) => void;

/** An application on a loopback address of its own; answers with its address unless `behave` says otherwise. */
export async function startInstance(address: string, behave?: Behave): Promise<Instance> {
  const received: Received[] = [];
  const sockets = new Set<net.Socket>();
  const server = http.createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      // It broke off: there is nobody to answer.
      return;
    }
    const body = Buffer.concat(chunks);
    received.push({ method: request.method ?? "", url: request.url ?? "", headers: request.headers, rawHeaders: request.rawHeaders, body });
    if (behave) behave(request, response, body);
    else response.end(address);
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  server.on("upgrade", (request, socket) => {
    const accept = createHash("sha1")
      .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest("base64");
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    // A text frame of a server: "hi".
    socket.write(Buffer.from([0x81, 2, 0x68, 0x69]));
  });
  server.listen(0, address);
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo;
  const kill = (): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { address, port, received, kill };
}
