/** Fields of one connection, in lower case (RFC 9110 7.6.1 and 11.7). `trailer` is among them because nothing here carries trailers on. */
export const hopByHop: ReadonlySet<string> = new Set([
  "connection",
  "proxy-connection",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "proxy-authenticate",
  "proxy-authorization",
]);
