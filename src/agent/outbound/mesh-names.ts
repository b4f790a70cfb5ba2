import { parseAuthority } from "../http/authority.ts";

/** Which host names are services of the mesh: learned in the background, and kept while nobody is there to be asked. */

export interface MeshNamesOptions {
  /** The host patterns of the project's services. */
  readonly learn: () => Promise<readonly string[]>;
  /** How often they are asked for. Default 10 s. */
  readonly refreshMs?: number;
}

const defaultRefreshMs = 10_000;

export class MeshNames {
  readonly #options: MeshNamesOptions;
  #patterns: Patterns = { exact: new Set(), suffixes: [] };
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isStopped = false;
  #isKnown = false;

  constructor(options: MeshNamesOptions) {
    this.#options = options;
  }

  /** Whether they were learned, ever. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  /** Learns now, and again and again until `stop`. Resolves when the first try is over, whatever came of it. */
  async start(): Promise<void> {
    await this.refresh();
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => void this.start(), this.#options.refreshMs ?? defaultRefreshMs);
    this.#timer.unref();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /** Learns once. Never rejects: what was known stays. */
  async refresh(): Promise<void> {
    try {
      this.#patterns = patternsOf(await this.#options.learn());
      this.#isKnown = true;
    } catch {
      // The next time.
    }
  }

  /** Whether requests for `host` (lower case) are the mesh's: any port, unless the pattern names one. */
  has(host: string, port?: number): boolean {
    const names = port === undefined ? [host] : [host, `${host}:${port}`];
    const { exact, suffixes } = this.#patterns;
    return names.some((name) => exact.has(name) || suffixes.some((suffix) => name.length > suffix.length && name.endsWith(suffix)));
  }
}

interface Patterns {
  readonly exact: ReadonlySet<string>;
  /** With the dot or hyphen that they begin with. */
  readonly suffixes: readonly string[];
}

/** `*`, a URL map's default, would make the whole world part of the mesh; addresses are no names. */
function patternsOf(services: readonly string[]): Patterns {
  const folded = services.map((service) => service.toLowerCase());
  const suffixes = folded.filter((pattern) => /^\*[.-]./.test(pattern)).map((pattern) => pattern.slice(1));
  const exact = folded.filter((pattern) => !pattern.includes("*") && isName(pattern));
  return { exact: new Set(exact), suffixes };
}

function isName(text: string): boolean {
  const host = parseAuthority(text)?.host;
  return host !== undefined && !host.includes(":") && !/^[\d.]+$/.test(host);
}
