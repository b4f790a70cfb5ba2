/** YAML and JSON texts as documents that know at which line and column each field stands. */
import { type Document as YamlDocument, isMap, isNode, isScalar, isSeq, LineCounter, type Node, type Pair, parseAllDocuments } from "yaml";
import { messageOf } from "#base/errors.ts";
import { isJsonObject, type JsonObject } from "#base/json.ts";
import type { Source } from "./sources.ts";

/** A mistake in a file. */
export interface FileFault {
  /** `file:line:col` */
  readonly where: string;
  readonly message: string;
}

/** One resource as it is written. */
export interface Document {
  readonly value: JsonObject;
  /**
   * `file:line:col` of a field such as `resource.backends[0].group`, in whichever spelling the file has it; of what is nearest above it
   * where the field itself is not there, and of the document's beginning without a field.
   */
  positionOf(field?: string): string;
}

export interface ParsedSource {
  readonly documents: Document[];
  readonly faults: FileFault[];
}

/** All documents of a text; a list at the top is taken item by item, and empty documents are left out. Faults of syntax come all at once. */
export function parseSource({ file, text }: Source): ParsedSource {
  const lines = new LineCounter();
  const where = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
  };
  const documents: Document[] = [];
  const faults: FileFault[] = [];
  const parsed = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  for (const yaml of Array.isArray(parsed) ? parsed : []) {
    if (yaml.errors.length > 0) {
      faults.push(...yaml.errors.map((error) => ({ where: where(error.pos[0]), message: error.message })));
      continue;
    }
    for (const node of itemsOf(yaml)) {
      const read = readNode(yaml, node, where);
      if ("message" in read) faults.push(read);
      else documents.push(read);
    }
  }
  return { documents, faults };
}

function itemsOf({ contents }: YamlDocument.Parsed): Node[] {
  if (contents === null || (isScalar(contents) && contents.value === null)) return [];
  return isSeq(contents) ? contents.items.filter(isNode) : [contents];
}

function readNode(yaml: YamlDocument.Parsed, node: Node, where: (offset: number) => string): Document | FileFault {
  const start = where(startOf(node));
  let value: unknown;
  try {
    value = node.toJS(yaml);
  } catch (failure) {
    return { where: start, message: messageOf(failure) };
  }
  if (!isJsonObject(value)) return { where: start, message: "a resource is expected here: fields and their values" };
  return {
    value,
    positionOf: (field) => (field === undefined ? start : where(offsetOf(node, stepsOf(field)))),
  };
}

/** `resource.zone`, `secret.labels` and the bare `zone` of a path's parameter are all paths from the document. */
function stepsOf(field: string): string {
  const [, inside] = /^(?:resource|secret)((?:[.[].*)?)$/s.exec(field) ?? [];
  return inside ?? `.${field}`;
}

/** `steps` is the rest of a field path: `.backends[0].group`. Keys may hold dots, so that a step is what a key of the file says it is. */
function offsetOf(node: Node, steps: string): number {
  const item = /^\[(\d+)\]/.exec(steps);
  if (item !== null) {
    const rest = steps.slice(item[0].length);
    // One value may stand where Google's message has a list.
    const inner = isSeq(node) ? node.items[Number(item[1])] : node;
    return isNode(inner) ? offsetOf(inner, rest) : startOf(node);
  }
  if (!isMap(node) || steps === "") return startOf(node);
  const found = longest(node.items.flatMap((pair) => stepsInto(pair, steps)));
  if (found === undefined) return startOf(node);
  const { key, value, rest } = found;
  return value === undefined || (rest === "" && !isScalar(value)) ? startOf(key) : offsetOf(value, rest);
}

interface Step {
  readonly key: Node;
  readonly value: Node | undefined;
  /** What is left of the path below the value. */
  readonly rest: string;
}

/** Keys as they are written, and in the camelCase that field paths are made of: `url_map` and `urlMap` are one field. */
function stepsInto({ key, value }: Pair, steps: string): Step[] {
  if (!isScalar(key)) return [];
  const written = String(key.value);
  const spellings = [written, written.replaceAll(/_([a-z0-9])/g, (_whole, letter: string) => letter.toUpperCase())];
  const leading = spellings.filter((spelling) => steps.startsWith(`.${spelling}`) && /^(?:$|[.[])/.test(steps.slice(spelling.length + 1)));
  return leading.map((spelling) => ({ key, value: isNode(value) ? value : undefined, rest: steps.slice(spelling.length + 1) }));
}

function longest(steps: readonly Step[]): Step | undefined {
  return steps.toSorted((a, b) => a.rest.length - b.rest.length)[0];
}

function startOf(node: Node): number {
  return node.range?.[0] ?? 0;
}
