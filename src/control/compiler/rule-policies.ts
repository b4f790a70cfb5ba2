/** What both APIs let a rule do besides sending requests on: CORS, faults, mirroring. */
import { isFieldName, isFieldValue } from "#ir/field.ts";
import type { CorsPolicy, FaultPolicy, MirrorPolicy, Rule } from "#ir/route.ts";
import { backendOf } from "./cluster.ts";
import type { Context } from "./context.ts";

interface FaultParts {
  readonly delay?: { readonly percentage?: number } | undefined;
  /** Of `delay.fixedDelay`. */
  readonly delayMs: number | undefined;
  readonly abort?: { readonly httpStatus?: number; readonly percentage?: number } | undefined;
}

interface CorsParts {
  readonly allowOrigins?: readonly string[];
  readonly allowOriginRegexes?: readonly string[];
  readonly allowMethods?: readonly string[];
  readonly allowHeaders?: readonly string[];
  readonly exposeHeaders?: readonly string[];
  readonly allowCredentials?: boolean;
  /** Seconds; Network Services has them as text. */
  readonly maxAge?: number | string;
  readonly disabled?: boolean;
}

interface PolicyParts {
  readonly fault: FaultParts | undefined;
  readonly cors: CorsParts | undefined;
  readonly where: string;
}

/** The policies of a rule, for those that say something. */
export function rulePolicies(context: Context, { fault, cors, where }: PolicyParts): Pick<Rule, "fault" | "cors"> {
  const compiledFault = fault && faultPolicy(fault);
  const compiledCors = cors && corsPolicy(context, cors, `${where}.corsPolicy`);
  return { ...(compiledFault && { fault: compiledFault }), ...(compiledCors && { cors: compiledCors }) };
}

/** A part whose share is 0, or that does not say what to do, does nothing; 0 is also the share of one that does not say it (protobuf). */
function faultPolicy({ delay, delayMs, abort }: FaultParts): FaultPolicy | undefined {
  const delayed = delay?.percentage && delayMs ? { delay: { ms: delayMs, percent: delay.percentage } } : {};
  const aborted = abort?.percentage && abort.httpStatus ? { abort: { status: abort.httpStatus, percent: abort.percentage } } : {};
  const policy = { ...delayed, ...aborted };
  return Object.keys(policy).length > 0 ? policy : undefined;
}

function corsPolicy(context: Context, parts: CorsParts, where: string): CorsPolicy | undefined {
  if (parts.disabled === true) return undefined;
  const legal = (
    field: "allowOrigins" | "allowMethods" | "allowHeaders" | "exposeHeaders",
    isLegal: (text: string) => boolean,
  ): string[] => {
    const [right, wrong] = [(parts[field] ?? []).filter(isLegal), (parts[field] ?? []).filter((text) => !isLegal(text))];
    for (const text of wrong) context.warnings.add(`${where}.${field}: ${JSON.stringify(text)} can stand in no header; it has no effect`);
    return right;
  };
  const maxAge = Number(String(parts.maxAge ?? "").replace(/s$/, "") || Number.NaN);
  return {
    allowOrigins: legal("allowOrigins", isFieldValue),
    allowOriginRegexes: parts.allowOriginRegexes ?? [],
    allowMethods: legal("allowMethods", isFieldName),
    allowHeaders: legal("allowHeaders", isFieldName),
    exposeHeaders: legal("exposeHeaders", isFieldName),
    ...(Number.isSafeInteger(maxAge) && maxAge >= -1 ? { maxAgeSec: maxAge } : {}),
    allowCredentials: parts.allowCredentials ?? false,
  };
}

interface MirrorParts {
  /** As the user wrote it. */
  readonly service: string | undefined;
  /** All requests where it is left out (Google's field came later than the policy). */
  readonly percent: number | undefined;
}

/** The mirror of a route; none without a backend service, or for no request at all. */
export function mirrorPolicy(context: Context, { service, percent = 100 }: MirrorParts): MirrorPolicy | undefined {
  if (!service || percent <= 0) return undefined;
  return { cluster: backendOf(context, service).id, percent: Math.min(100, percent) };
}
