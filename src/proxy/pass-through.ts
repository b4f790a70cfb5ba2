import type { PassThrough } from "./upstream/deliver.ts";

/** Streams that workerd moves without waking JavaScript; one with a length keeps `Content-Length`. */
export const passThrough: PassThrough = (length) => (length === undefined ? new IdentityTransformStream() : new FixedLengthStream(length));
