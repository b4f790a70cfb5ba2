/**
 * Google's path templates (`pathTemplateMatch`, `pathTemplateRewrite`), with the grammar of Envoy's URI templates. Shared by the checks
 * of the API and by the matcher, so that what one accepts the other can carry out.
 */

/** A template taken apart. */
export interface PathTemplate {
  /** Takes whole paths; its groups are the values of `variables`, in order. Free of ambiguity, so that no path makes it slow. */
  readonly expression: RegExp;
  readonly variables: readonly string[];
  /** Literal text that every path begins with that the template takes. */
  readonly literalPrefix: string;
}

/** A rewrite taken apart: text, and variables of the template that are put in. */
export type RewritePart = string | { readonly variable: string };

const mostOperators = 5;
const literal = /^[A-Za-z0-9\-._~%!$&'()+,;:@=]+/;
const variableName = /^[A-Za-z][A-Za-z0-9_]{0,15}$/;
const rewriteText = /^[A-Za-z0-9\-._~%!$&'()+,;:@=/]+/;

type Parsed<T> = T | { readonly error: string };

/** Takes a template apart, or says in one sentence what is wrong with it. Never throws. */
export function parsePathTemplate(template: string): Parsed<PathTemplate> {
  return guarded(() => new TemplateParser(template).parse());
}

/** Takes a rewrite apart, or says what is wrong with it. That its variables are those of a template is `unknownVariable`'s business. */
export function parsePathRewrite(rewrite: string): Parsed<{ readonly parts: readonly RewritePart[] }> {
  return guarded(() => ({ parts: rewriteParts(rewrite) }));
}

/** The first variable of a rewrite that the template does not have. */
export function unknownVariable(parts: readonly RewritePart[], template: PathTemplate): string | undefined {
  for (const part of parts) {
    if (typeof part !== "string" && !template.variables.includes(part.variable)) return part.variable;
  }
  return undefined;
}

/**
 * Why a rewrite cannot be carried out for all of a rule's path templates (undefined: a match without one); undefined when it can. A rule
 * without matches has no template.
 */
export function rewriteProblem(rewrite: string, templates: readonly (string | undefined)[]): string | undefined {
  const parsed = parsePathRewrite(rewrite);
  if ("error" in parsed) return parsed.error;
  for (const text of templates.length === 0 ? [undefined] : templates) {
    const template = text === undefined ? noTemplate : parsePathTemplate(text);
    const unknown = "error" in template ? undefined : unknownVariable(parsed.parts, template);
    if (unknown !== undefined) return `the path template has no variable '${unknown}'`;
  }
  return undefined;
}

const noTemplate: PathTemplate = { expression: /^/, variables: [], literalPrefix: "" };

/** The values of a template's variables in a path; undefined when it does not take the path. */
export function templateValues({ expression, variables }: PathTemplate, path: string): ReadonlyMap<string, string> | undefined {
  const found = expression.exec(path);
  return found ? new Map(variables.map((name, index) => [name, found[index + 1] ?? ""])) : undefined;
}

class Mistake extends Error {}

function guarded<T extends object>(make: () => T): Parsed<T> {
  try {
    return make();
  } catch (thrown) {
    if (thrown instanceof Mistake) return { error: thrown.message };
    throw thrown;
  }
}

/** One pass from left to right. Inside a variable's `=` the same segments are read, without further variables. */
class TemplateParser {
  readonly #text: string;
  #at = 0;
  #source = "";
  #operators = 0;
  #sawTextGlob = false;
  #literalPrefix: string | undefined;
  readonly #variables: string[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  parse(): PathTemplate {
    if (!this.#text.startsWith("/")) throw new Mistake("a path template begins with '/'");
    while (this.#at < this.#text.length) {
      this.#expect("/");
      this.#source += "/";
      if (this.#at === this.#text.length) break;
      if (this.#peek() === "/") throw new Mistake("a path template has no empty segments");
      if (!this.#segment(true)) this.#suffix();
    }
    const { literalPrefix, variables } = { literalPrefix: this.#literalPrefix ?? this.#text, variables: this.#variables };
    return { expression: new RegExp(`^${this.#source}$`, "s"), variables, literalPrefix };
  }

  /** One segment or variable; false when text follows it that is not the next segment. */
  #segment(mayBeVariable: boolean): boolean {
    if (this.#peek() === "*") this.#operator();
    else if (this.#peek() === "{" && mayBeVariable) this.#variable();
    else {
      this.#source += escape(this.#literal());
      this.#refuseOperatorHere("an operator must follow a '/'");
    }
    return this.#at === this.#text.length || this.#peek() === "/" || (!mayBeVariable && this.#peek() === "}");
  }

  /** Text behind the last operator, such as `.m3u8`: only at the end (Envoy). */
  #suffix(): void {
    this.#source += escape(this.#literal());
    if (this.#at < this.#text.length && this.#text.slice(this.#at) !== "/") {
      throw new Mistake("text that follows an operator within its segment must end the template");
    }
  }

  #operator(): void {
    const isTextGlob = this.#text.startsWith("**", this.#at);
    if (this.#sawTextGlob) throw new Mistake("no operator may follow '**'");
    this.#count();
    this.#sawTextGlob = isTextGlob;
    this.#source += isTextGlob ? ".*" : "[^/]+";
    this.#at += isTextGlob ? 2 : 1;
    if (this.#peek() === "*") throw new Mistake("'***' is no operator");
  }

  #variable(): void {
    this.#endLiteralPrefix();
    this.#expect("{");
    const end = this.#text.indexOf("}", this.#at);
    const equals = this.#text.indexOf("=", this.#at);
    if (end === -1) throw new Mistake("'{' is not closed");
    const hasPattern = equals !== -1 && equals < end;
    const name = this.#text.slice(this.#at, hasPattern ? equals : end);
    if (!variableName.test(name)) {
      throw new Mistake(`'${name}' is no name of a variable: a letter, then up to 15 letters, digits and '_'`);
    }
    if (this.#variables.includes(name)) throw new Mistake(`variable '${name}' is used twice`);
    this.#variables.push(name);
    this.#source += "(";
    if (hasPattern) this.#pattern(equals + 1);
    else this.#plainVariable(end);
    this.#expect("}");
    this.#source += ")";
  }

  #plainVariable(end: number): void {
    if (this.#sawTextGlob) throw new Mistake("no operator may follow '**'");
    this.#count();
    this.#source += "[^/]+";
    this.#at = end;
  }

  #pattern(start: number): void {
    this.#at = start;
    const before = this.#operators;
    for (;;) {
      if (!this.#segment(false)) throw new Mistake("a variable's pattern is made of whole segments");
      if (this.#peek() !== "/") break;
      this.#expect("/");
      this.#source += "/";
    }
    // A variable without an operator counts as one (Envoy: at most five variables).
    if (this.#operators === before) this.#count();
  }

  #count(): void {
    this.#endLiteralPrefix();
    this.#operators += 1;
    if (this.#operators > mostOperators) throw new Mistake(`a path template has at most ${mostOperators} operators`);
  }

  #endLiteralPrefix(): void {
    this.#literalPrefix ??= this.#text.slice(0, this.#at);
  }

  #literal(): string {
    const found = literal.exec(this.#text.slice(this.#at))?.[0];
    if (found === undefined) throw new Mistake(`${JSON.stringify(this.#peek() ?? "the end")} is not allowed at position ${this.#at}`);
    // Within a variable a literal ends where the variable does, which the pattern sees to: `}` is no character of it.
    this.#at += found.length;
    return found;
  }

  #refuseOperatorHere(why: string): void {
    if (this.#peek() === "*" || this.#peek() === "{") throw new Mistake(why);
  }

  #expect(character: string): void {
    if (this.#peek() !== character) throw new Mistake(`'${character}' is expected at position ${this.#at}`);
    this.#at += 1;
  }

  #peek(): string | undefined {
    return this.#text[this.#at];
  }
}

function escape(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}

function rewriteParts(rewrite: string): RewritePart[] {
  if (!rewrite.startsWith("/")) throw new Mistake("a path template rewrite begins with '/'");
  if (rewrite.includes("//")) throw new Mistake("a path template rewrite has no empty segments");
  const parts: RewritePart[] = [];
  for (let at = 0; at < rewrite.length;) {
    const rest = rewrite.slice(at);
    const text = rewriteText.exec(rest)?.[0];
    const name = text === undefined ? /^\{([^{}]*)\}/.exec(rest)?.[1] : undefined;
    if (text !== undefined) parts.push(text);
    else if (name !== undefined && variableName.test(name)) parts.push({ variable: name });
    else throw new Mistake(`${JSON.stringify(rest[0])} at position ${at} begins neither text of a path nor a {variable}`);
    at += text?.length ?? (name?.length ?? 0) + 2;
  }
  return parts;
}
