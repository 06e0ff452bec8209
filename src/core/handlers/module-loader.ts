import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { createJiti } from 'jiti';
import { AfdError } from '../domain/errors.ts';
import type { HandlerTask } from '../domain/task/task.ts';
import { thrownText } from '../domain/text/thrown-text.ts';
import type { HandlerContext, WarmUpContext } from './handler.ts';

/** What a handler module exports as default. */
export type HandlerFunction = (task: HandlerTask, context: HandlerContext) => unknown;

/** What is used of the exports of a handler module. */
export interface HandlerModule {
  call: HandlerFunction;
  /** Called once in each place, before the first attempt there; each attempt has what it returns as `ctx.shared`. */
  warmUp: ((context: WarmUpContext) => unknown) | undefined;
  /** Called with that value when the place ends. */
  cleanUp: ((shared: unknown) => unknown) | undefined;
}

const TYPESCRIPT = new Set(['.ts', '.mts', '.cts', '.tsx']);

/**
 * The default export of a handler module, and its hooks. TypeScript goes through jiti, since Node 20 cannot load it; JavaScript is
 * Node's own import. `file`: as `moduleFile` gives it.
 * @throws AfdError E_HANDLER_MISSING (no default function), E_CONFIG (the module itself throws, a hook is no function)
 */
export async function loadHandlerModule(type: string, file: string): Promise<HandlerModule> {
  let exported: unknown;
  try {
    exported = TYPESCRIPT.has(extname(file)) ? await importTypeScript(file) : await import(pathToFileURL(file).href);
  } catch (cause) {
    throw new AfdError(
      'E_CONFIG',
      `The handler of ${type} cannot be loaded: ${file}${await lineOf(cause, file)}: ${thrownText(cause)}`,
      { cause },
    );
  }
  const { default: handler, warmUp, cleanUp } = exported as Record<string, unknown>;
  for (const [name, hook] of Object.entries({ warmUp, cleanUp })) {
    if (hook === undefined || typeof hook === 'function') continue;
    throw new AfdError('E_CONFIG', `The handler of ${type} exports "${name}", which is not a function: ${file}.`);
  }
  if (typeof handler === 'function') return { call: handler, warmUp, cleanUp } as HandlerModule;
  const found = Object.keys(exported as object).filter((name) => name !== 'default');
  throw new AfdError(
    'E_HANDLER_MISSING',
    `The handler of ${type} exports no function: ${file} must contain "export default async (task, ctx) => …"; ` +
      `its default export is ${handler === undefined ? 'missing' : `of type ${typeof handler}`}` +
      `${found.length === 0 ? '' : ` (exports: ${found.join(', ')})`}.`,
  );
}

const JITI_ERROR = 'exports.__JITI_ERROR__ = ';

/** `:3` where this file is the one whose syntax is wrong: Node keeps the line to itself, jiti's parser names it. */
async function lineOf(error: unknown, file: string): Promise<string> {
  if (!(error instanceof SyntaxError)) return '';
  const source = await readFile(file, 'utf8');
  // jiti turns a file that it cannot parse into a module that reports so.
  const made = (await jitiFor(file, {})).transform({
    source,
    filename: file,
    async: true,
  });
  if (!made.startsWith(JITI_ERROR)) return '';
  const { line } = JSON.parse(made.slice(JITI_ERROR.length)) as { line?: number };
  return line === undefined ? '' : `:${line}`;
}

async function importTypeScript(file: string): Promise<unknown> {
  return (await jitiFor(file, { interopDefault: false })).import(file);
}

/**
 * Loaded when it is needed: a process that runs JavaScript starts in half the time without it. No cache in a shared
 * temporary folder: what lies there would be run.
 */
async function jitiFor(file: string, more: { interopDefault?: false }): Promise<ReturnType<typeof createJiti>> {
  const { createJiti } = await import('jiti');
  return createJiti(pathToFileURL(file).href, { fsCache: false, ...more });
}
