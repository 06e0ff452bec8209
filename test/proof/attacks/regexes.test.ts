// A text from outside (a payload, a crawled page, a file, an answer) may be a megabyte of whatever hurts most. Nothing in src
// may need more steps than in proportion to it: a quadratic expression holds a worker's event loop for minutes.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkSync } from 'recheck';
import ts from 'typescript';
import { beforeAll, expect, it, vi } from 'vitest';

const literals = new Map<string, { where: string; source: string; flags: string }>();
/** Places that make an expression at run time. */
const made: string[] = [];
for (const name of readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((one) => one.endsWith('.ts'))) {
  const path = join('src', name);
  const file = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true);
  const visit = (node: ts.Node): void => {
    const where = `${path}:${file.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
    if (ts.isRegularExpressionLiteral(node)) {
      const end = node.text.lastIndexOf('/');
      literals.set(node.text, { where, source: node.text.slice(1, end), flags: node.text.slice(end + 1) });
    } else if (makesOne(node)) made.push(`${where} ${node.getText()}`);
    ts.forEachChild(node, visit);
  };
  visit(file);
}

/** `new RegExp(x)`, `RegExp(x)`, and `text.match('x')`, which makes one of its string. */
function makesOne(node: ts.Node): boolean {
  if (!ts.isCallExpression(node) && !ts.isNewExpression(node)) return false;
  const { expression } = node;
  if (ts.isIdentifier(expression)) return expression.text === 'RegExp';
  if (!ts.isPropertyAccessExpression(expression)) return false;
  const [argument] = node.arguments ?? [];
  const implicit = ['match', 'matchAll', 'search'].includes(expression.name.text);
  return implicit && argument !== undefined && (ts.isStringLiteralLike(argument) || ts.isTemplateExpression(argument));
}

/** The analysis of a long alternative of letters takes seconds of a processor, which other test files want too. */
const TIMEOUT_MS = 120_000;

// In this process: neither Java nor a program of this platform is needed.
beforeAll(() => void vi.stubEnv('RECHECK_SYNC_BACKEND', 'pure'));

it.each([...literals.values()])(
  'finding S1: $where is linear in the worst text: /$source/$flags',
  { timeout: TIMEOUT_MS },
  ({ source, flags }) => {
    expect(checkSync(source, flags, { timeout: TIMEOUT_MS })).toMatchObject({ status: 'safe' });
  },
);

it('finding S1: no regular expression of src is made at run time, where nothing could examine it', () => {
  // What an operator types for `--grep` runs in that operator's own command, over lines of limited length.
  expect(made.filter((one) => !one.startsWith('src/core/logs/wanted-log.ts:'))).toEqual([]);
});
