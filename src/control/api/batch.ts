import { UserError } from "#base/errors.ts";
import type { Outcome } from "../command.ts";
import { readText } from "./body.ts";

/**
 * Google's batches: several requests in one, as `multipart/mixed` of `application/http` parts. gcloud sends one wherever a command names
 * more than one resource. The parts are answered in order, each as if it had come alone.
 */

/** Where gcloud sends batches to. */
export const batchPath = "/batch/compute/v1";

/** Google's own limit of calls in a batch. */
const maxParts = 1000;

/** Answers every part of a batch by `answer`; throws `UserError` when it is no batch. The caller's credentials hold for parts without their own. */
export async function serveBatch(request: Request, answer: (part: Request) => Promise<Outcome>): Promise<Response> {
  const boundary = /^multipart\/mixed;.*\bboundary=(?:"([^"]{1,200})"|([^\s;]{1,200}))/i.exec(request.headers.get("content-type") ?? "");
  if (!boundary) throw malformed("Its content type must be multipart/mixed with a boundary.");
  const text = (await readText(request)).replaceAll("\r\n", "\n");
  const parts = partsOf(text, boundary[1] ?? boundary[2] ?? "");
  const own = "batch_wayside";
  let body = "";
  for (const part of parts) {
    const { status, body: json } = await answer(requestOf(part, request));
    const head = `--${own}\r\nContent-Type: application/http\r\n${part.id === undefined ? "" : `Content-ID: <response-${part.id}>\r\n`}\r\n`;
    body += `${head}HTTP/1.1 ${status} \r\nContent-Type: application/json; charset=utf-8\r\n\r\n${JSON.stringify(json ?? {})}\r\n`;
  }
  return new Response(`${body}--${own}--\r\n`, {
    headers: { "content-type": `multipart/mixed; boundary=${own}`, "cache-control": "no-store" },
  });
}

interface Part {
  /** Of the Content-ID, without its brackets. */
  readonly id: string | undefined;
  readonly method: string;
  readonly path: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

function partsOf(text: string, boundary: string): Part[] {
  const pieces = `\n${text}`.split(`\n--${boundary}`).slice(1);
  const end = pieces.findIndex((piece) => piece.startsWith("--"));
  if (end < 0) throw malformed("Its last boundary is missing.");
  if (end > maxParts) throw malformed(`It has ${end} parts; at most ${maxParts} are taken.`);
  return pieces.slice(0, end).map(readPart);
}

function readPart(piece: string): Part {
  const [outer = "", ...rest] = piece.replace(/^\n/, "").split("\n\n");
  const [head = "", ...body] = rest.join("\n\n").split("\n\n");
  const [line = "", ...lines] = head.trimStart().split("\n");
  const start = /^([A-Z]{1,10}) (\/\S{0,16000})(?: HTTP\/1\.[01])?\s*$/.exec(line);
  if (!start) throw malformed(`A part begins with '${line.slice(0, 100)}' instead of a request line.`);
  const id = headersOf(outer.split("\n")).get("content-id");
  return {
    id: id === undefined ? undefined : id.replaceAll(/[<>\s]/g, ""),
    method: start[1] ?? "",
    path: start[2] ?? "",
    headers: headersOf(lines),
    body: body.join("\n\n").trim(),
  };
}

function headersOf(lines: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    lines.flatMap((line): [string, string][] => {
      const colon = line.indexOf(":");
      return colon < 0 ? [] : [[line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()]];
    }),
  );
}

/** Only credentials are taken over; where a part says its host is, is no matter. */
function requestOf({ method, path, headers, body }: Part, batch: Request): Request {
  const authorization = headers.get("authorization") ?? batch.headers.get("authorization");
  const takesBody = ["POST", "PUT", "PATCH"].includes(method) && body !== "";
  try {
    return new Request(new URL(new URL(batch.url).origin + path), {
      method,
      headers: authorization === null ? {} : { authorization },
      ...(takesBody ? { body } : {}),
    });
  } catch {
    throw malformed(`A part's request '${method} ${path.slice(0, 100)}' cannot be read.`);
  }
}

function malformed(why: string): UserError {
  return new UserError({ code: "invalid", message: `Failed to parse batch request. ${why}` });
}
