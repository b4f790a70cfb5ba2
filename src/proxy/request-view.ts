import { type Survey, surveyOf } from "#proxy/filters/survey.ts";
import type { RequestView } from "#proxy/match/request.ts";

/** A request as it came. */
export interface Arrived extends RequestView {
  /** As the runtime writes it. */
  readonly url: string;
  readonly headers: Survey;
}

/**
 * A request as the decision function sees it. The URL of a Worker's request is already parsed and written out again, so its parts
 * are cut out of the text instead of parsing it once more.
 */
export function viewOf(request: Request): Arrived {
  const { url, method, headers } = request;
  const authorityStart = url.indexOf("//") + 2;
  const slash = url.indexOf("/", authorityStart);
  // `OPTIONS *` makes the URL `http://host*`, which has no path: the target is then the asterisk.
  const targetStart = slash === -1 ? url.length - 1 : slash;
  return {
    url,
    method,
    scheme: url.startsWith("https:") ? "https" : "http",
    authority: url.slice(authorityStart, targetStart),
    target: url.slice(targetStart),
    headers: surveyOf(headers),
  };
}
