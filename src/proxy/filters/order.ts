import { cors } from "./cors/filter.ts";
import { directResponse } from "./direct-response/filter.ts";
import { fault } from "./fault/filter.ts";
import type { Filter } from "./filter.ts";
import { headerActions } from "./header-actions/filter.ts";
import { rateLimit } from "./rate-limit/filter.ts";
import { redirect } from "./redirect/filter.ts";
import { rewrite } from "./rewrite/filter.ts";
import { route } from "./route/filter.ts";

/** One row of the order of filters. */
interface Row {
  readonly filter: Filter;
  /** Why the filter stands before the next one. */
  readonly reason: string;
}

/** The order in which filters see an exchange, from the matched rule to the decision. */
export const order: readonly Row[] = [
  { filter: headerActions, reason: "answers of the mesh itself carry the rule's response headers as well" },
  { filter: cors, reason: "a preflight asks about the rule and never hits a fault; every other answer carries the CORS headers" },
  { filter: rateLimit, reason: "what is over the limit is refused before anything else is done for it, even a fault" },
  { filter: fault, reason: "faults stand for those of whatever would have answered" },
  { filter: redirect, reason: "a redirect is made from what the caller sent, before any rewrite" },
  { filter: directResponse, reason: "nothing is sent to an upstream, so nothing is rewritten" },
  { filter: rewrite, reason: "predicates and redirects saw the caller's URL; only the application sees the rewritten one" },
  { filter: route, reason: "last: it closes the exchange with what the others have settled" },
];
