import { UserError } from "#base/errors.ts";
import type { Json } from "#base/json.ts";
import { parseJson } from "./json-text.ts";

/** Google's limit for a Compute request is of this size; a resource is a few kilobytes. */
export const maxBodyBytes = 1024 * 1024;

/** The JSON body of a request, whatever its content type says; undefined when there is none. */
export async function readBody(request: Request): Promise<Json | undefined> {
  return parseJson(await readText(request));
}

/** The body of a request as text. Reading stops at `maxBodyBytes`, so that nothing larger is ever held: `UserError` `tooLarge`. */
export async function readText(request: Request): Promise<string> {
  if (Number(request.headers.get("content-length") ?? 0) > maxBodyBytes) throw tooLarge();
  const stream: ReadableStream<Uint8Array> | null = request.body;
  if (!stream) return "";
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = stream.getReader();
  const next = (): ReturnType<typeof reader.read> =>
    reader.read().catch(() => {
      throw new UserError({ code: "invalid", message: "Invalid JSON payload received. The body broke off before its end." });
    });
  for (let part = await next(); !part.done; part = await next()) {
    size += part.value.byteLength;
    if (size > maxBodyBytes) {
      // Nobody waits for the rest, and a sender who gave up is no news.
      reader.cancel().catch(() => undefined);
      throw tooLarge();
    }
    chunks.push(part.value);
  }
  return decode(chunks, size);
}

function decode(chunks: readonly Uint8Array[], size: number): string {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch {
    throw new UserError({ code: "invalid", message: "Invalid payload received. The body is not UTF-8." });
  }
}

function tooLarge(): UserError {
  return new UserError({ code: "tooLarge", message: `Request payload size exceeds the limit: ${maxBodyBytes} bytes.` });
}
