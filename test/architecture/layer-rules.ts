// The import table of AGENTS.md and the other rules about the shape of src/, as a function over source texts. It reads
// the syntax tree, so that a comment or a string is never taken for code.
import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import ts from 'typescript';

/** What each is about, as the names of the cases say it. */
export const RULES = {
  layer: 'import only the layers to their right',
  package: 'import only the packages of their layer',
  process: 'leave process to the outermost layer',
  console: 'never write to the console',
  clock: 'leave the clock of this machine to core/runtime/clock.ts',
  circular: 'import nothing in a circle',
  folder: 'lie in folders of at most 22 files that do not import each other in a circle',
  length: 'stay short',
  name: 'are named after what they hold',
  'default export': 'export by name, commands excepted',
  extension: 'name the files they import with their extension',
};
export type Rule = keyof typeof RULES;

/** `path` is relative to the project, with slashes: `src/core/runtime/clock.ts`. */
export type Source = Record<'path' | 'text', string>;
type Violation = { rule: Rule; path: string; line: number; message: string };
type Layer = 'domain' | 'db' | 'http' | 'core' | 'gateway' | 'cli' | 'commands' | 'index';
/** ` (types)` stands behind layers that may be imported by `import type` alone. */
type Permission = Record<'layers' | 'packages', string[]>;

/** What a layer may import, by the table. */
function permissions(): Record<Layer, Permission> {
  const agents = readFileSync(new URL('../../AGENTS.md', import.meta.url), 'utf8');
  const cells = (row: string) => {
    const [, text = ''] = new RegExp(`^\\| ${row} +\\|(.*)\\|$`, 'm').exec(agents) ?? [];
    return text
      .replace('oclif', '@oclif/core')
      .split('|')
      .map((cell) => cell.trim().split(', '));
  };
  const [layers, packages] = [cells('own layers'), cells('packages')];
  const column = (n: number): Permission => ({ layers: layers[n]!, packages: packages[n]! });
  const [domain, db, http, core, gateway, outer] = [column(0), column(1), column(2), column(3), column(4), column(5)];
  const index = { layers: ['core', 'domain'], packages: [] };
  return { domain, db, http, core, gateway, cli: outer, commands: outer, index };
}

export const MAY_IMPORT = permissions();
const PASSED_IN = 'environment, argv and signals are passed in';
const OUTER = new Set<Layer>(['cli', 'commands']);
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
/** Files of one folder, at most: what holds more is a list and no room. */
const MOST_FILES = 22;

function layerOf(path: string): Layer | undefined {
  if (path === 'src/index.ts') return 'index';
  const [, inner, outer] = /^src\/(?:core\/(domain|db)\/|(core|http|gateway|cli|commands)\/)/.exec(path) ?? [];
  return (inner ?? outer) as Layer | undefined;
}

/** Folders of src/core/db in which a file is one operation on the database, the transaction of many excepted. */
const STATEMENTS =
  /^src\/core\/db\/(attempts|claim|devices|lanes|leader|server|settings|tasks)\/(?!(finish-and-claim|reconcile-finishes|take-tasks)\.ts)/;

function lineLimit(path: string): number {
  if (path.startsWith('src/commands/')) return 60;
  // Every statement of the hot transaction on one page.
  if (path === 'src/core/db/claim/statements.ts') return 400;
  return STATEMENTS.test(path) ? 80 : 250;
}

/** Everything that breaks a rule, in the order of the files. */
export function checkSources(sources: Source[]): Violation[] {
  const files = new Map<string, string[]>();
  const folders = new Map<string, string[]>();
  const found: Violation[] = [];
  for (const source of sources) {
    const { path } = source;
    const imports = checkFile(source, (rule, line, message) => found.push({ rule, path, line, message }));
    const folder = posix.dirname(path);
    const others = imports.map((one) => posix.dirname(one)).filter((one) => one !== folder);
    files.set(path, imports);
    folders.set(folder, [...(folders.get(folder) ?? []), ...others]);
  }
  for (const path of folders.keys()) {
    const count = sources.filter((one) => posix.dirname(one.path) === path).length;
    const message = `holds ${count} files; at most ${MOST_FILES}`;
    if (count > MOST_FILES) found.push({ rule: 'folder', path, line: 1, message });
  }
  return [...found, ...cycles(files, 'circular'), ...cycles(folders, 'folder')];
}

type Report = (rule: Rule, line: number, message: string) => void;

/** The paths of the files that it imports. */
function checkFile({ path, text }: Source, report: Report): string[] {
  const layer = layerOf(path);
  const imports: string[] = [];
  if (layer === undefined) {
    report('layer', 1, 'belongs to no layer');
    return imports;
  }
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const visit = (node: ts.Node): void => {
    const line = file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1;
    const one = importOf(node);
    if (one?.specifier.startsWith('.')) imports.push(posix.join(posix.dirname(path), one.specifier));
    if (one !== undefined) checkImport(path, layer, one, (rule, message) => report(rule, line, message));
    if (isDefaultExport(node) && layer !== 'commands') report('default export', line, 'named exports only');
    const use = globalUse(node);
    if (use === 'console') report(use, line, 'log through core/log/log.ts, print through the command');
    if (use === 'process' && !OUTER.has(layer) && !THREAD_FILES.has(path)) report(use, line, PASSED_IN);
    if (use === 'clock' && path !== CLOCK_FILE) report(use, line, `only ${CLOCK_FILE} reads it`);
    ts.forEachChild(node, visit);
  };
  visit(file);
  const lines = text.replace(/\n$/, '').split('\n').length;
  const most = lineLimit(path);
  if (lines > most) report('length', lines, `has ${lines} lines; at most ${most} here: split it by noun or verb`);
  if (VAGUE_NAMES.test(path)) report('name', 1, 'use the noun it holds or the verb it does');
  return imports;
}

function checkImport(path: string, layer: Layer, one: Import, report: (rule: Rule, message: string) => void): void {
  const { specifier, typeOnly, named } = one;
  const { layers, packages } = MAY_IMPORT[layer];
  if (specifier.startsWith('.')) {
    if (!specifier.endsWith('.ts')) report('extension', `"${specifier}" needs its .ts extension`);
    const target = posix.join(posix.dirname(path), specifier);
    const other = layerOf(target);
    // Errors are shown by their class.
    const types = typeOnly || target === 'src/core/domain/errors.ts';
    if (other === layer || layers.includes(other ?? '') || (types && layers.includes(`${other} (types)`))) return;
    report('layer', `${layer} may not import ${other ?? target}; allowed: ${layers.join(', ')}`);
  } else if (specifier.startsWith('node:')) {
    const isEntry = OUTER.has(layer) || (NAMED_PROCESS_IMPORT.has(path) && named);
    if (specifier === 'node:process' && !isEntry) report('process', PASSED_IN);
    else if (specifier === 'node:console') report('console', 'log through core/log/log.ts');
    else if (specifier === 'node:perf_hooks' && path !== CLOCK_FILE) report('clock', `only ${CLOCK_FILE} reads it`);
    else if (layer === 'domain' && !DOMAIN_NODE.has(specifier)) report('package', `${specifier}: no I/O, no clocks`);
  } else {
    const [name = ''] = /^(@[^/]+\/)?[^/]+/.exec(specifier) ?? [];
    if (!packages.includes(name))
      report('package', `${layer} may not import the package ${name}; allowed packages: ${packages.join(', ')}`);
  }
}

/** `named`: only single names are taken, no namespace and no default. */
type Import = { specifier: string; typeOnly: boolean; named: boolean };

function importOf(node: ts.Node): Import | undefined {
  const of = (specifier: ts.Node | undefined, typeOnly: boolean, named: boolean) =>
    specifier !== undefined && ts.isStringLiteralLike(specifier)
      ? { specifier: specifier.text, typeOnly, named }
      : undefined;
  if (ts.isImportDeclaration(node)) {
    const { importClause: clause } = node;
    const bindings = clause?.namedBindings;
    const names = bindings !== undefined && ts.isNamedImports(bindings) && !clause?.name ? bindings.elements : [];
    const types = clause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
    return of(node.moduleSpecifier, types || areTypes(names), names.length > 0);
  }
  if (ts.isExportDeclaration(node)) {
    const names = namesOf(node);
    return of(node.moduleSpecifier, node.isTypeOnly || areTypes(names), names.length > 0);
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
    return of(node.arguments[0], false, false);
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) return of(node.argument.literal, true, false);
  return undefined;
}

function namesOf({ exportClause }: ts.ExportDeclaration): readonly ts.ExportSpecifier[] {
  return exportClause !== undefined && ts.isNamedExports(exportClause) ? exportClause.elements : [];
}

function areTypes(names: readonly ts.ImportOrExportSpecifier[]): boolean {
  return names.length > 0 && names.every((one) => one.isTypeOnly);
}

function isDefaultExport(node: ts.Node): boolean {
  if (ts.isExportDeclaration(node)) return namesOf(node).some((one) => one.name.text === 'default');
  return ts.isExportAssignment(node) || node.kind === ts.SyntaxKind.DefaultKeyword;
}

/** `new Date(value)` converts and is no clock; `new Date()`, `Date()`, `Date.now` and `performance` are. */
function globalUse(node: ts.Node): 'process' | 'console' | 'clock' | undefined {
  if (ts.isPropertyAccessExpression(node) && node.getText() === 'Date.now') return 'clock';
  if (ts.isNewExpression(node) && node.expression.getText() === 'Date' && !node.arguments?.length) return 'clock';
  if (ts.isCallExpression(node) && node.expression.getText() === 'Date') return 'clock';
  if (!ts.isIdentifier(node) || !['process', 'console', 'performance'].includes(node.text)) return undefined;
  const { parent } = node;
  // What something is called is no use of it.
  const isName =
    (parent as { name?: ts.Node }).name === node || (parent as { propertyName?: ts.Node }).propertyName === node;
  const isUsed = ts.isShorthandPropertyAssignment(parent) || parent.getText() === `globalThis.${node.text}`;
  if (isName && !isUsed) return undefined;
  return node.text === 'performance' ? 'clock' : (node.text as 'process' | 'console');
}

/** One violation per circle, told from its first file by name. */
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
