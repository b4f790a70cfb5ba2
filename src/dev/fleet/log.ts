/** Logs of VMs: everything a VM writes goes through a pipe into a file of bounded size, and to those who follow it. */
import { execFile } from "node:child_process";
import { closeSync, constants, existsSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import { promisify } from "node:util";

/** At this size the file is set aside as `.1`, which replaces the one before: at most twice this is kept per instance. */
const maxLogBytes = 5 * 1024 * 1024;

/** A follower that is this far behind is cut off: memory is worth more than its tail. */
const maxBehindBytes = 4 * 1024 * 1024;

export interface LogQuery {
  /** Only this many lines from the end; absent: all that is kept. */
  readonly tail?: number;
  /** Stay and pass on what is written from now on, until the reader leaves or the log is closed. */
  readonly follow: boolean;
}

/** The log of one instance name; it goes on when the instance is made anew. */
export class LogFile {
  readonly #path: string;
  readonly #limit: number;
  readonly #followers = new Set<(chunk: Uint8Array | null) => void>();
  #descriptor: number;
  #size = 0;

  constructor(path: string, limit: number = maxLogBytes) {
    this.#path = path;
    this.#limit = limit;
    this.#descriptor = openSync(path, "w", 0o600);
  }

  /** Synchronous, so that what a reader gets has neither a gap nor a double at the point where it starts to follow. */
  write(chunk: Uint8Array): void {
    try {
      if (this.#size > 0 && this.#size + chunk.length > this.#limit) this.#rotate();
      this.#size += writeSync(this.#descriptor, chunk);
    } catch {
      // A full disk costs lines of a log, never the emulator.
    }
    for (const follower of this.#followers) follower(chunk);
  }

  /** A line of the emulator's own among those of the VM. */
  note(text: string): void {
    this.write(Buffer.from(`[wayside] ${text}\n`));
  }

  read(query: LogQuery): ReadableStream<Uint8Array> {
    const kept = Buffer.concat([`${this.#path}.1`, this.#path].filter((path) => existsSync(path)).map((path) => readFileSync(path)));
    const start = query.tail === undefined ? kept : lastLines(kept, query.tail);
    let leave = (): void => {};
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          if (start.length > 0) controller.enqueue(new Uint8Array(start));
          if (!query.follow) return controller.close();
          const follower = (chunk: Uint8Array | null): void => {
            if (chunk !== null) controller.enqueue(new Uint8Array(chunk));
            if (chunk !== null && (controller.desiredSize ?? 0) > 0) return;
            this.#followers.delete(follower);
            controller.close();
          };
          this.#followers.add(follower);
          leave = () => this.#followers.delete(follower);
        },
        cancel: () => leave(),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: start.length + maxBehindBytes }),
    );
  }

  /** Ends those who follow; nothing is written afterwards. */
  close(): void {
    for (const follower of this.#followers) follower(null);
    closeSync(this.#descriptor);
  }

  remove(): void {
    this.close();
    for (const path of [this.#path, `${this.#path}.1`]) rmSync(path, { force: true });
  }

  #rotate(): void {
    closeSync(this.#descriptor);
    renameSync(this.#path, `${this.#path}.1`);
    this.#descriptor = openSync(this.#path, "w", 0o600);
    this.#size = 0;
  }
}

export interface LogPipe {
  /** For the standard output and error of a child; the caller closes its own copy after the spawn. */
  readonly writeEnd: number;
  /** When every process that could write has ended or let go. */
  readonly drained: Promise<void>;
  /** Stops reading: whoever still writes gets SIGPIPE. */
  abandon(): void;
}

/**
 * A pipe whose bytes are passed to `onData`. A named pipe, because Node's own `pipe` is a socket, which programs that open
 * `/dev/stdout` or `/dev/stderr` by name cannot write to; `path` exists only for a moment.
 */
export async function openLogPipe(path: string, onData: (chunk: Uint8Array) => void): Promise<LogPipe> {
  await promisify(execFile)("mkfifo", ["-m", "600", path]);
  // A reader that does not block comes first: without one, opening for writing would wait for ever.
  const readEnd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writeEnd = openSync(path, constants.O_WRONLY);
  rmSync(path);
  const socket = new Socket({ fd: readEnd, readable: true, writable: false });
  socket.on("data", onData);
  socket.on("error", () => socket.destroy());
  const drained = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  return { writeEnd, drained, abandon: () => void socket.destroy() };
}

function lastLines(text: Buffer, count: number): Buffer {
  let from = text.length;
  // The newline that ends the last line is not the start of another one.
  for (let line = 0; line < count + (text.at(-1) === 10 ? 1 : 0) && from >= 0; line += 1)
    from = from === 0 ? -1 : text.lastIndexOf(10, from - 1);
  return text.subarray(from + 1);
}
