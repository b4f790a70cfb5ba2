const text = "[redacted]";

/** A secret value that no log, span, dump or error can show: only `reveal()` gives it, and each call of that is a decision to read. */
export class Redacted {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return text;
  }

  toJSON(): string {
    return text;
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return text;
  }
}
