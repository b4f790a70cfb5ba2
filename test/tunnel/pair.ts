/** Both sides of a tunnel without a connection between them: messages wait until the test lets them through. */
import { type Frame, MessageWriter } from "#tunnel/frame.ts";
import type { RequestHead } from "#tunnel/head.ts";
import { Mux } from "#tunnel/mux.ts";
import type { StreamListener, TunnelStream } from "#tunnel/stream.ts";

export const getRequest: RequestHead = { method: "GET", path: "/", port: 80, headers: [] };
export const okResponse = { status: 200, headers: [] } as const;

export function encodeFrames(frames: readonly Frame[]): Uint8Array<ArrayBuffer> {
  const message = new MessageWriter();
  for (const frame of frames) message.add(frame);
  return message.finish() ?? new Uint8Array();
}

/** A user of a stream who notes what happens. */
export class Recorder implements StreamListener {
  readonly stream: TunnelStream;
  readonly events: string[] = [];

  constructor(stream: TunnelStream) {
    this.stream = stream;
    stream.listen(this);
  }

  head({ status }: { status: number }): void {
    this.events.push(`head ${status}`);
  }

  readable(): void {
    this.events.push("readable");
  }

  drained(): void {
    this.events.push("drained");
  }

  reset(code: string, reason: string): void {
    this.events.push(`reset ${code}: ${reason}`);
  }

  /** All that can be read now. */
  readAll(): Uint8Array {
    const pieces: Uint8Array[] = [];
    for (let piece = this.stream.read(); piece; piece = this.stream.read()) pieces.push(piece);
    return Buffer.concat(pieces);
  }
}

export class Pair {
  readonly accepted: Recorder[] = [];
  readonly mesh: Mux;
  readonly agent: Mux;

  constructor(accept?: (stream: Recorder, head: RequestHead) => void) {
    this.mesh = new Mux({ wake: () => undefined });
    this.agent = new Mux({
      wake: () => undefined,
      opened: (stream, head) => {
        const recorder = new Recorder(stream);
        this.accepted.push(recorder);
        accept?.(recorder, head);
      },
    });
  }

  /** Opens a stream with a request of no body, or of one that is to follow. */
  open(end = true): Recorder {
    const recorder = new Recorder(this.mesh.open());
    recorder.stream.sendRequest(getRequest, end);
    return recorder;
  }

  /** One message of that side; false when it has none. */
  pass(from: "mesh" | "agent"): boolean {
    const [sender, receiver] = from === "mesh" ? [this.mesh, this.agent] : [this.agent, this.mesh];
    const message = sender.take();
    if (!message) return false;
    const fault = receiver.receive(message);
    if (fault) throw fault;
    return true;
  }

  /** Lets everything through. */
  settle(): void {
    while (this.pass("mesh") || this.pass("agent"));
  }
}
