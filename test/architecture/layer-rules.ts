// The import table of AGENTS.md and the other rules about the shape of src/, as a function over source texts. It reads
// the syntax tree, so that a comment or a string is never taken for code.
import { posix } from 'node:path';
import ts from 'typescript';

export type Layer = 'domain' | 'db' | 'http' | 'core' | 'gateway' | 'cli' | 'commands' | 'index';
export type Rule =
  | 'layer'
  | 'package'
  | 'process'
  | 'console'
  | 'clock'
  | 'circular'
  | 'folder'
  | 'length'
  | 'name'
  | 'default export'
  | 'extension';

/** `path` is relative to the project, with slashes: `src/core/runtime/clock.ts`. */
export interface Source {
  path: string;
  text: string;
}

export interface Violation {
  rule: Rule;
  path: string;
  line: number;
  message: string;
}

/** Layers that may be imported; `types` = by `import type` alone (domain/errors.ts excepted: errors are shown by class). */
export const OWN_LAYERS: Record<Layer, Partial<Record<Layer, 'values' | 'types'>>> = {
  domain: { domain: 'values' },
  db: { db: 'values', domain: 'values' },
  http: { http: 'values', domain: 'types' },
  core: { core: 'values', db: 'values', domain: 'values', http: 'values' },
  gateway: { gateway: 'values', core: 'values', domain: 'types', http: 'values' },
  cli: { cli: 'values', core: 'values', domain: 'types', gateway: 'values', http: 'values' },
  commands: { commands: 'values', cli: 'values', core: 'values', domain: 'types', gateway: 'values', http: 'values' },
  index: { core: 'values', domain: 'values' },
};
const TERMINAL = ['@oclif/core', 'chalk', 'cli-table3', 'listr2'];
export const PACKAGES: Record<Layer, string[]> = {
  domain: [],
  db: ['mysql2', 'knex'],
  core: [
    'p-limit',
    'systeminformation',
    'zod',
    'pino',
    'yaml',
    'jiti',
    'csv-parse',
    'ipaddr.js',
    'pkijs',
    'asn1js',
    'openid-client',
  ],
  http: ['zod'],
  gateway: [
    'fastify',
    'light-my-request',
    '@fastify/compress',
    '@fastify/rate-limit',
    '@fastify/swagger',
    'fastify-type-provider-zod',
    'openapi-types',
    'zod',
  ],
  cli: TERMINAL,
  commands: TERMINAL,
  index: [],
};
const PURE_LAYERS = new Set<Layer>(['domain', 'db', 'http', 'core', 'gateway', 'index']);
/** Parts of Node without I/O and without clocks. */
const DOMAIN_NODE = new Set(['node:crypto', 'node:string_decoder', 'node:util']);

const CLOCK_FILE = 'src/core/runtime/clock.ts';
/** Entries of threads and processes: outermost, like commands. */
const THREAD_FILES = new Set([
  'src/core/node/thread/liveness-thread.ts',
  'src/core/handlers/thread/handler-thread-entry.ts',
  'src/core/handlers/processes/leftover-guard-entry.ts',
  'src/core/handlers/process/handler-process-entry.ts',
  'src/core/handlers/thread/last-words.ts',
]);
/** May name single functions of node:process in an import; the global object stays out of reach. */
const NAMED_PROCESS_IMPORT = new Set([
  ...[CLOCK_FILE, ...THREAD_FILES],
  ...['process-group', 'own-process'].map((name) => `src/core/handlers/processes/${name}.ts`),
  'src/core/handlers/process/spawn-handler-process.ts',
]);
/** Said by no name what is in it; `bench` is the command that measures, and no workbench. */
const VAGUE_NAMES =
  /(^|\/)(utils?|types?|helpers?)(\.ts$|\/)|(^|[/-])(desk|scout|book|workbench)(-|\.ts$|\/)|^src\/core\/.*\bbench\b/;

const FOLDERS: ReadonlyArray<readonly [start: string, layer: Layer]> = [
  ['src/index.ts', 'index'],
  ['src/core/domain/', 'domain'],
  ['src/core/db/', 'db'],
  ['src/core/', 'core'],
  ['src/http/', 'http'],
  ['src/gateway/', 'gateway'],
  ['src/cli/', 'cli'],
  ['src/commands/', 'commands'],
];

export function layerOf(path: string): Layer | undefined {
  return FOLDERS.find(([start]) => path.startsWith(start))?.[1];
}

/** Folders of src/core/db in which a file is one operation on the database. */
const STATEMENTS = /^src\/core\/db\/(attempts|claim|devices|lanes|leader|server|settings|tasks)\//;
/** Every statement of the hot transaction on one page. */
const TRANSACTION_SQL = 'src/core/db/claim/statements.ts';
/** The one transaction that is made of many. */
const TRANSACTION = new Set(
  ['finish-and-claim', 'reconcile-finishes', 'take-tasks'].map((name) => `src/core/db/claim/${name}.ts`),
);

export function lineLimit(path: string): number {
  if (path.startsWith('src/commands/')) return 60;
  if (path === TRANSACTION_SQL) return 400;
  return STATEMENTS.test(path) && !TRANSACTION.has(path) ? 80 : 250;
}

interface Import {
  specifier: string;
  line: number;
  typeOnly: boolean;
  /** Only single names are taken: no namespace, no default. */
  named: boolean;
}

/** Everything that breaks a rule, in the order of the files. */
export function checkSources(sources: Source[]): Violation[] {
  const parsed = sources.map((source) => ({ source, facts: readFacts(source) }));
  const graph = new Map(
    parsed.map(({ source, facts }) => [
      source.path,
      facts.imports.filter((i) => i.specifier.startsWith('.')).map((i) => resolve(source.path, i.specifier)),
    ]),
  );
  return [
    ...parsed.flatMap(({ source, facts }) => checkFile(source, facts)),
    ...cycles(graph, 'circular'),
    ...cycles(byFolder(graph), 'folder'),
    ...fullFolders(sources),
  ];
}

function checkFile(source: Source, facts: Facts): Violation[] {
  const { path, text } = source;
  const layer = layerOf(path);
  const found: Violation[] = [];
  const report = (rule: Rule, line: number, message: string) => found.push({ rule, path, line, message });
  if (layer === undefined) {
    report('layer', 1, 'belongs to no layer');
    return found;
  }
  for (const one of facts.imports) checkImport(path, layer, one, report);
  for (const use of facts.globals) {
    if (use.name === 'console')
      report('console', use.line, 'console is for nobody: log through core/log/log.ts, print through the command');
    if (use.name === 'process' && PURE_LAYERS.has(layer) && !THREAD_FILES.has(path)) {
      report('process', use.line, `process may not be used in ${layer}: environment, argv and signals are passed in`);
    }
    if (use.name === 'clock' && path !== CLOCK_FILE) {
      report('clock', use.line, `reads this machine's clock: only ${CLOCK_FILE} may`);
    }
  }
  for (const line of facts.defaultExports) {
    if (layer !== 'commands')
      report('default export', line, 'named exports only; default exports belong to src/commands');
  }
  const lines = text.replace(/\n$/, '').split('\n').length;
  if (lines > lineLimit(path))
    report('length', lines, `has ${lines} lines; at most ${lineLimit(path)} here: split it by noun or verb`);
  if (VAGUE_NAMES.test(path)) report('name', 1, 'is named after nothing: use the noun it holds or the verb it does');
  return found;
}

function checkImport(
  path: string,
  layer: Layer,
  one: Import,
  report: (rule: Rule, line: number, message: string) => void,
) {
  const { specifier, line } = one;
  if (specifier.startsWith('.')) {
    if (!specifier.endsWith('.ts')) report('extension', line, `"${specifier}" needs its .ts extension`);
    const target = resolve(path, specifier);
    const targetLayer = layerOf(target);
    const allowed = Object.entries(OWN_LAYERS[layer]).map(([name, what]) =>
      what === 'types' ? `${name} (types)` : name,
    );
    const permission = targetLayer === undefined ? undefined : OWN_LAYERS[layer][targetLayer];
    if (permission === undefined) {
      report('layer', line, `${layer} may not import ${targetLayer ?? target}; allowed: ${allowed.join(', ')}`);
    } else if (permission === 'types' && !one.typeOnly && target !== 'src/core/domain/errors.ts') {
      report('layer', line, `${layer} may import only types of ${targetLayer} ("import type")`);
    }
    return;
  }
  if (specifier.startsWith('node:')) {
    if (specifier === 'node:process' && PURE_LAYERS.has(layer) && !(NAMED_PROCESS_IMPORT.has(path) && one.named)) {
      report('process', line, `node:process may not be imported in ${layer}: what it holds is passed in`);
    } else if (specifier === 'node:console') {
      report('console', line, 'console is for nobody: log through core/log/log.ts, print through the command');
    } else if (specifier === 'node:perf_hooks' && path !== CLOCK_FILE) {
      report('clock', line, `reads this machine's clock: only ${CLOCK_FILE} may`);
    } else if (layer === 'domain' && !DOMAIN_NODE.has(specifier)) {
      report('package', line, `domain may not import ${specifier}: no I/O, no clocks`);
    }
    return;
  }
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
  if (!PACKAGES[layer].includes(name)) {
    const allowed = PACKAGES[layer].length === 0 ? 'none' : PACKAGES[layer].join(', ');
    report('package', line, `${layer} may not import the package ${name}; allowed packages: ${allowed}`);
  }
}

interface Facts {
  imports: Import[];
  globals: Array<{ name: 'process' | 'console' | 'clock'; line: number }>;
  defaultExports: number[];
}

function readFacts({ path, text }: Source): Facts {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const facts: Facts = { imports: [], globals: [], defaultExports: [] };
  const lineOf = (node: ts.Node) => file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1;
  const add = (node: ts.Node, specifier: ts.Node | undefined, typeOnly: boolean, named: boolean) => {
    if (specifier !== undefined && ts.isStringLiteralLike(specifier)) {
      facts.imports.push({ specifier: specifier.text, line: lineOf(node), typeOnly, named });
    }
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      const bindings = node.importClause?.namedBindings;
      const names = bindings !== undefined && ts.isNamedImports(bindings) ? bindings.elements : undefined;
      const named = names !== undefined && node.importClause?.name === undefined;
      const typeOnly =
        node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword ||
        (named && names.length > 0 && names.every((element) => element.isTypeOnly));
      add(node, node.moduleSpecifier, typeOnly, named);
    } else if (ts.isExportDeclaration(node)) {
      const names =
        node.exportClause !== undefined && ts.isNamedExports(node.exportClause) ? node.exportClause.elements : [];
      if (names.some((element) => element.name.text === 'default')) facts.defaultExports.push(lineOf(node));
      const typeOnly = node.isTypeOnly || (names.length > 0 && names.every((element) => element.isTypeOnly));
      add(node, node.moduleSpecifier, typeOnly, names.length > 0);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node, node.arguments[0], false, false);
    } else if (ts.isImportTypeNode(node)) {
      add(node, ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, true, false);
    } else if (ts.isExportAssignment(node)) {
      facts.defaultExports.push(lineOf(node));
    } else if (
      ts.canHaveModifiers(node) &&
      ts.getModifiers(node)?.some((m) => m.kind === ts.SyntaxKind.DefaultKeyword)
    ) {
      facts.defaultExports.push(lineOf(node));
    }
    const global = globalUse(node);
    if (global !== undefined) facts.globals.push({ name: global, line: lineOf(node) });
    ts.forEachChild(node, visit);
  };
  visit(file);
  return facts;
}

/** `new Date(value)` converts and is no clock; `new Date()`, `Date()`, `Date.now` and `performance` are. */
function globalUse(node: ts.Node): 'process' | 'console' | 'clock' | undefined {
  if (ts.isPropertyAccessExpression(node) && node.name.text === 'now' && node.expression.getText() === 'Date')
    return 'clock';
  if (ts.isNewExpression(node) && node.expression.getText() === 'Date' && (node.arguments?.length ?? 0) === 0)
    return 'clock';
  if (ts.isCallExpression(node) && node.expression.getText() === 'Date') return 'clock';
  if (!ts.isIdentifier(node)) return undefined;
  if (node.text !== 'process' && node.text !== 'console' && node.text !== 'performance') return undefined;
  const { parent } = node;
  const viaGlobal =
    ts.isPropertyAccessExpression(parent) && parent.name === node && parent.expression.getText() === 'globalThis';
  const isValue =
    (ts.isPropertyAccessExpression(parent) && parent.expression === node) ||
    ts.isShorthandPropertyAssignment(parent) ||
    (ts.isPropertyAssignment(parent) && parent.initializer === node) ||
    (ts.isVariableDeclaration(parent) && parent.initializer === node) ||
    (ts.isExpression(parent) && !ts.isPropertyAccessExpression(parent) && !isFunctionName(parent, node));
  if (!viaGlobal && !isValue) return undefined;
  return node.text === 'performance' ? 'clock' : node.text;
}

function isFunctionName(parent: ts.Node, node: ts.Node): boolean {
  return (ts.isFunctionExpression(parent) || ts.isClassExpression(parent)) && parent.name === node;
}

function resolve(from: string, specifier: string): string {
  return posix.normalize(posix.join(posix.dirname(from), specifier));
}

/** One violation per circle, told from its first file by name. */
/** Files of one folder, at most: what holds more is a list and no room. */
const MOST_FILES = 22;

function fullFolders(sources: Source[]): Violation[] {
  const counts = new Map<string, number>();
  for (const { path } of sources) counts.set(posix.dirname(path), (counts.get(posix.dirname(path)) ?? 0) + 1);
  return [...counts]
    .filter(([, count]) => count > MOST_FILES)
    .map(([path, count]) => ({
      rule: 'folder',
      path,
      line: 1,
      message: `holds ${count} files; at most ${MOST_FILES}`,
    }));
}

/** Which folder of src imports from which. */
function byFolder(graph: Map<string, string[]>): Map<string, string[]> {
  const folders = new Map<string, Set<string>>();
  for (const [path, targets] of graph) {
    const from = posix.dirname(path);
    const others = targets.map((one) => posix.dirname(one)).filter((one) => one !== from);
    folders.set(from, new Set([...(folders.get(from) ?? []), ...others]));
  }
  return new Map([...folders].map(([folder, targets]) => [folder, [...targets]]));
}

function cycles(graph: Map<string, string[]>, rule: 'circular' | 'folder'): Violation[] {
  const found = new Map<string, Violation>();
  const done = new Set<string>();
  const walk = (path: string, trail: string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) {
      const circle = trail.slice(start);
      const key = [...circle].sort().join();
      const message = `imports itself by way of ${[...circle, path].join(' → ')}`;
      if (!found.has(key)) found.set(key, { rule, path, line: 1, message });
      return;
    }
    if (done.has(path)) return;
    for (const next of graph.get(path) ?? []) walk(next, [...trail, path]);
    done.add(path);
  };
  for (const path of [...graph.keys()].sort()) walk(path, []);
  return [...found.values()];
}
