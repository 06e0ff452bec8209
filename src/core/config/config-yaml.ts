// YAML (and JSON, which it contains) as plain values. Its own errors repeat what stands in the file, and that may be half of
// a password that needed quotes: here every mistake is a sentence of ours, with its line.
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  LineCounter,
  type Node,
  parseDocument,
  visit,
  type YAMLError,
} from 'yaml';

export interface ParsedYaml {
  value: unknown;
  /** Line of a key, counted from 1; undefined when the file does not have it. */
  lineOf(keys: readonly PropertyKey[]): number | undefined;
}

export interface YamlMistake {
  problem: string;
  line: number | undefined;
}

const QUOTES = 'text with special characters needs quotes';
const SENTENCES: Partial<Record<YAMLError['code'], string>> = {
  BAD_INDENT: 'a line is not indented enough, or too far',
  TAB_AS_INDENT: 'a line is indented with a tab; use spaces',
  MISSING_CHAR: `a quote, bracket, comma, colon or space is missing, or ${QUOTES}`,
  BAD_DQ_ESCAPE: 'a "\\" in double quotes starts an unknown escape sequence; write it twice, or use single quotes',
  BAD_SCALAR_START: `a value starts with "@" or "\`"; ${QUOTES}`,
  BAD_ALIAS: `a name is missing after "*" or "&"; ${QUOTES}`,
  ALIAS_PROPS: `there are characters between "*" and its name; ${QUOTES}`,
  TAG_RESOLVE_FAILED: 'a value starts with "!", which YAML reads as a tag; put it in quotes',
  MULTIPLE_DOCS: 'a second document starts with "---"; a file must contain one document',
  RESOURCE_EXHAUSTION: 'sections are nested too deeply',
};

/** The whole file as values, or its first mistake. Never throws. */
export function parseYaml(text: string): ParsedYaml | YamlMistake {
  const lines = new LineCounter();
  const lineAt = (offset: number | undefined) => (offset === undefined ? undefined : lines.linePos(offset).line);
  try {
    // Its own search for double keys compares each with each.
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false });
    const [broken] = [...document.errors, ...document.warnings];
    if (broken !== undefined) {
      return {
        problem: SENTENCES[broken.code] ?? `unexpected character; ${QUOTES}`,
        line: lineAt(broken.pos[0]),
      };
    }
    const mistake = mistakeIn(document);
    if (mistake !== undefined) return { problem: mistake.problem, line: lineAt(mistake.node.range?.[0]) };
    return { value: document.toJS() as unknown, lineOf: (keys) => lineAt(offsetOf(document, keys)) };
  } catch (error) {
    if (error instanceof RangeError) return { problem: SENTENCES.RESOURCE_EXHAUSTION!, line: undefined };
    if (error instanceof ReferenceError) {
      return { problem: 'its aliases (*name) expand to more than a configuration may contain', line: undefined };
    }
    throw error;
  }
}

interface Mistake {
  problem: string;
  node: Node;
}

/** What YAML lets pass, or says too much about. */
function mistakeIn(document: Document): Mistake | undefined {
  const anchors = new Set<string>();
  let found: Mistake | undefined;
  const stop = (problem: string, node: Node) => {
    found = { problem, node };
    return visit.BREAK;
  };
  visit(document, (_key, node) => {
    if (isAlias(node)) {
      return anchors.has(node.source)
        ? undefined
        : stop(`a value starts with "*", which YAML reads as an alias; put it in quotes`, node);
    }
    if (isScalar(node) && node.anchor !== undefined && node.value === null) {
      return stop('a value starts with "&", which YAML reads as an anchor; put it in quotes', node);
    }
    if (!isMap(node)) {
      const anchor = (node as { anchor?: string } | null)?.anchor;
      if (anchor !== undefined) anchors.add(anchor);
      return undefined;
    }
    if (node.anchor !== undefined) anchors.add(node.anchor);
    const names = new Set<string>();
    for (const { key } of node.items) {
      const name = nameOf(key);
      if (name === '__proto__') return stop('__proto__ is not a key of any section', key as Node);
      if (names.has(name)) return stop('a key occurs twice in one section: keys are unique', key as Node);
      names.add(name);
    }
    return undefined;
  });
  return found;
}

function nameOf(key: unknown): string {
  return String(isScalar(key) ? key.value : key);
}

function offsetOf(document: Document, keys: readonly PropertyKey[]): number | undefined {
  const parent = document.getIn(keys.slice(0, -1) as unknown[], true) ?? document.contents;
  if (!isMap(parent)) return undefined;
  const entry = parent.items.find((item) => nameOf(item.key) === String(keys.at(-1)));
  return (entry?.key as Node | undefined)?.range?.[0];
}
