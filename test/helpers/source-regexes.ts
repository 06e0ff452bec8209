import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

export interface SourceRegex {
  /** `src/core/domain/redaction/redact.ts:7` */
  where: string;
  source: string;
  flags: string;
}

/** Every regular expression that is written out below `folder`, and every place that makes one at run time. */
export function sourceRegexes(folder: string): { literals: SourceRegex[]; made: string[] } {
  const literals: SourceRegex[] = [];
  const made: string[] = [];
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((one) => one.endsWith('.ts'));
  for (const name of files.sort()) {
    const path = join(folder, name);
    const file = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true);
    const visit = (node: ts.Node): void => {
      const where = () => `${path}:${file.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
      if (ts.isRegularExpressionLiteral(node)) {
        const end = node.text.lastIndexOf('/');
        literals.push({ where: where(), source: node.text.slice(1, end), flags: node.text.slice(end + 1) });
      } else if (makesOne(node)) made.push(`${where()} ${node.getText()}`);
      ts.forEachChild(node, visit);
    };
    visit(file);
  }
  return { literals, made };
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
