// What users read is plain technical English. These turns were habits once, and each has a plainer word.
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { projectFiles, readProjectFile } from './project-files.ts';

const HABITS: ReadonlyArray<readonly [RegExp, string]> = [
  [/\bso (long|many|much|often)\b/i, 'give the number and its unit: up to N, this long'],
  [/\bwhoever\b/i, 'name the actor'],
  [/\bbeside\b/i, 'next to, in addition to, together with'],
  [/\b(is|are|was|were) told\b/i, 'name who reports, and where'],
  [/\b(gives?|giving|gave|given) back\b/i, 'release'],
  [/\bover a gate\b|\bover its gates\b/i, 'over a resource limit'],
  [/\bthe design document\b/i, 'say it here: no such document comes with afd'],
];

/** The texts of a source file that are sentences: string literals and templates with a blank in them. No comments. */
function sentencesIn(path: string, text: string): Array<{ line: number; text: string }> {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const found: Array<{ line: number; text: string }> = [];
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) return;
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)) {
      const line = source.getLineAndCharacterOfPosition(node.getStart()).line + 1;
      if (/\s/.test(node.text)) found.push({ line, text: node.text });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function habitsIn(path: string, text: string): string[] {
  return sentencesIn(path, text).flatMap((one) =>
    HABITS.filter(([habit]) => habit.test(one.text)).map(
      ([habit, better]) => `${path}:${one.line}: ${habit.exec(one.text)?.[0]} (${better})`,
    ),
  );
}

describe('the texts of src, of the scripts, benchmarks and examples', () => {
  it('have none of the habits that a manual would not have', { timeout: 120_000 }, () => {
    const files = projectFiles().filter((path) => /^(src|scripts|bench|examples)\/.*\.(ts|mjs)$/.test(path));
    expect(files.length).toBeGreaterThan(100);
    expect(files.flatMap((path) => habitsIn(path, readProjectFile(path) ?? ''))).toEqual([]);
  });

  it('are found in plain strings and in each part of a template, and comments are left alone', () => {
    const text = [
      '// At most so many.',
      "const a = 'Wait at most so long.';",
      `const b = \`\${a} for whoever has \${a} none, beside it\`;`,
      "import 'beside itself';",
    ].join('\n');
    expect(habitsIn('a.ts', text)).toEqual([
      'a.ts:2: so long (give the number and its unit: up to N, this long)',
      'a.ts:3: whoever (name the actor)',
      'a.ts:3: beside (next to, in addition to, together with)',
    ]);
  });
});
