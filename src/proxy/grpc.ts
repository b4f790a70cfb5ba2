/** The mesh's own answers to gRPC requests: a response of headers alone, which gRPC calls Trailers-Only. */

/** `application/grpc`, and what browsers send in its place, with or without the name of an encoding. */
const mediaType = /^application\/grpc(?:-web(?:-text)?)?(?:\+[a-z0-9.-]+)?(?=\s*(?:;|$))/i;

/** The media type of a gRPC request, which its answer must have too; undefined for other requests. */
export function grpcTypeOf(headers: { get(name: string): string | null }): string | undefined {
  return mediaType.exec(headers.get("content-type") ?? "")?.[0];
}

/** gRPC's `http-grpc-status-mapping`: what clients make of an HTTP status without a `grpc-status`. All others are UNKNOWN. */
const codes: ReadonlyMap<number, number> = new Map([
  [400, 13],
  [401, 16],
  [403, 7],
  [404, 12],
  [429, 14],
  [502, 14],
  [503, 14],
  [504, 14],
]);

const unknownCode = 2;

/** The gRPC status that stands for an HTTP status. */
export function grpcStatusOf(status: number): number {
  return codes.get(status) ?? unknownCode;
}

/** Text as a `grpc-message`: all but visible ASCII and blanks percent-encoded (gRPC over HTTP/2, "Status-Message"). */
export function grpcMessageOf(text: string): string {
  return text.toWellFormed().replaceAll(/[^\x20-\x24\x26-\x7e]/gu, (character) => {
    const bytes = [...new TextEncoder().encode(character)];
    return bytes.map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");
  });
}
