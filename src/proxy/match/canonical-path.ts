import type { PathPolicy } from "#ir/policy.ts";

/**
 * One spelling of a path for everything that looks at it. A path that two readers could understand in two ways is how rules are got
 * around, so it is either made one or refused.
 */

/** Why a path is refused: a sentence for the caller. */
export interface PathRefusal {
  readonly refused: string;
}

/** What makes a path worth a closer look. Almost none has any of it. */
const suspicious = /%(?:0|2[ef]|5c|c[01]|e0|f0)|\\|\/\/|\/\.\.?(?:\/|$)/i;
const nul = /%00/;
/** UTF-8 of a character in more bytes than it needs (RFC 3629 3): some decoders take `%C0%AF` for a slash. */
const overlong = /%(?:c[01]%[89ab][0-9a-f]|e0%[89][0-9a-f]|f0%8[0-9a-f])/i;
const escapedSlash = /%(?:2f|5c)/i;
const escapedSlashes = /%(?:2f|5c)/gi;
const encodedDots = /%2e/gi;

/**
 * The path in its canonical form: backslashes are slashes (WHATWG URL), dot segments are resolved, `%2e` being a dot (RFC 3986 5.2.4 and
 * 6.2.2), and encoded and double slashes are treated as `policy` says. Nothing else is decoded, and letters keep their case.
 */
export function canonicalPath(path: string, policy: PathPolicy): string | PathRefusal {
  if (!suspicious.test(path)) return path;
  if (nul.test(path)) return { refused: "the path has an encoded NUL (%00)" };
  if (overlong.test(path)) return { refused: "the path has an overlong UTF-8 sequence" };
  const resolved = treatEscapedSlashes(resolveDots(path.replaceAll("\\", "/")), policy.escapedSlashes);
  return typeof resolved === "string" && policy.mergeSlashes ? resolved.replaceAll(/\/{2,}/g, "/") : resolved;
}

function treatEscapedSlashes(path: string, treatment: PathPolicy["escapedSlashes"]): string | PathRefusal {
  if (!escapedSlash.test(path)) return path;
  if (treatment === "REJECT") return { refused: "the path has an encoded slash or backslash" };
  const decoded = path.replaceAll(escapedSlashes, "/");
  const resolved = resolveDots(decoded);
  if (treatment === "DECODE") return resolved;
  return resolved === decoded ? path : { refused: "the path has dot segments between encoded slashes" };
}

/** As URL parsers do it: `..` takes the segment before it away, even an empty one, and never leaves the root. */
function resolveDots(path: string): string {
  const [root = "", ...segments] = path.split("/");
  const kept: string[] = [];
  for (const [index, segment] of segments.entries()) {
    const plain = segment.length <= 6 ? segment.replaceAll(encodedDots, ".") : segment;
    const isLast = index === segments.length - 1;
    if (plain === "..") kept.pop();
    if (plain !== "." && plain !== "..") kept.push(segment);
    else if (isLast) kept.push("");
  }
  return [root, ...kept].join("/");
}
