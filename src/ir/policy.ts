/** What holds for every request of a service, whatever its rule: how paths are read, and how large messages may be. */

/**
 * What is done to a path before anything looks at it, so that rules, authorization and the application see the same one. Whatever this
 * says, dot segments are resolved, and `%00` and overlong UTF-8 are refused. Letters keep their case.
 */
export interface PathPolicy {
  /**
   * `%2F` and `%5C`. KEEP leaves them, but refuses a path in which decoding them would make dot segments; REJECT refuses all of
   * them; DECODE makes slashes of them (Envoy's `path_with_escaped_slashes_action`).
   */
  readonly escapedSlashes: "KEEP" | "REJECT" | "DECODE";
  /** Whether `//` becomes `/` (Envoy's `merge_slashes`). */
  readonly mergeSlashes: boolean;
}

export const defaultPathPolicy: PathPolicy = { escapedSlashes: "KEEP", mergeSlashes: false };

/** Upper bounds, all of them included. Bytes of headers are those of names and values, with four for each line (`: ` and CRLF). */
export interface MessageLimits {
  /** Above it: 414. */
  readonly urlBytes: number;
  /** Above one of them: 431. */
  readonly requestHeaders: number;
  readonly requestHeaderBytes: number;
  /** Above it: 413. */
  readonly requestBodyBytes: number;
  /** Above one of them: 502. */
  readonly responseHeaders: number;
  readonly responseHeaderBytes: number;
}

/** Envoy's limits of headers; a URL as long as Workers take it; a body as large as Cloudflare's edge takes it on every plan. */
export const defaultMessageLimits: MessageLimits = {
  urlBytes: 16 * 1024,
  requestHeaders: 100,
  requestHeaderBytes: 60 * 1024,
  requestBodyBytes: 100 * 1000 * 1000,
  responseHeaders: 100,
  responseHeaderBytes: 80 * 1024,
};
