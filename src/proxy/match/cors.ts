import type { CorsPolicy } from "#ir/route.ts";
import { compileRegex, type Regex } from "./regex.ts";

/** A CORS policy made ready: its expressions compiled, its lists written out as the headers carry them. */
export interface CompiledCors {
  readonly anyOrigin: boolean;
  readonly origins: ReadonlySet<string>;
  readonly originRegexes: readonly Regex[];
  readonly allowCredentials: boolean;
  /** Values of headers; absent where the policy says nothing. */
  readonly allowMethods?: string;
  readonly allowHeaders?: string;
  readonly exposeHeaders?: string;
  readonly maxAge?: string;
}

/** Compiles a policy, or says which expression stands in the way. */
export function compileCors(policy: CorsPolicy, maxProgramSize: number): { readonly cors: CompiledCors } | { readonly error: string } {
  const originRegexes: Regex[] = [];
  for (const pattern of policy.allowOriginRegexes) {
    const compiled = compileRegex(pattern, maxProgramSize);
    if ("error" in compiled) return compiled;
    originRegexes.push(compiled.regex);
  }
  const cors = {
    anyOrigin: policy.allowOrigins.includes("*"),
    origins: new Set(policy.allowOrigins),
    originRegexes,
    allowCredentials: policy.allowCredentials,
    ...listed("allowMethods", policy.allowMethods),
    ...listed("allowHeaders", policy.allowHeaders),
    ...listed("exposeHeaders", policy.exposeHeaders),
    ...(policy.maxAgeSec !== undefined && { maxAge: String(policy.maxAgeSec) }),
  };
  return { cors };
}

/** Whether pages of this origin may read answers. */
export function allowsOrigin(cors: CompiledCors, origin: string): boolean {
  return cors.anyOrigin || cors.origins.has(origin) || cors.originRegexes.some((regex) => regex.testExact(origin));
}

function listed<Name extends string>(name: Name, items: readonly string[]): { readonly [N in Name]?: string } {
  return (items.length === 0 ? {} : { [name]: items.join(", ") }) as { readonly [N in Name]?: string };
}
