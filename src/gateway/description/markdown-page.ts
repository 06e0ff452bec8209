// docs/reference/http.md: the document for readers of the repository. Written by scripts/http-page.mjs.
import type { OpenAPIV3_1 } from 'openapi-types';
import { rolesWith, seesOwnOnly } from '../../core/access/roles.ts';
import { accessOf } from '../../http/operations/access.ts';
import { TAGS } from '../../http/tags.ts';
import { curlOf } from './curl.ts';
import { type Answer, isJson, type Operation, operationsOf, schemasOf } from './operations.ts';
import type { Schemas } from './sample.ts';
import { type Member, membersOf, typeOf } from './schema-words.ts';

export function markdownPage(document: OpenAPIV3_1.Document, intro: string): string {
  const operations = operationsOf(document);
  const schemas = schemasOf(document);
  const chapters = Object.entries(TAGS).flatMap(([tag, about]) => {
    const some = operations.filter((one) => one.tag === tag);
    return some.length === 0 ? [] : [chapterOf(tag, about, some, schemas)];
  });
  return `${[intro.trim(), contentsOf(operations), ...chapters].join('\n\n')}\n`;
}

function contentsOf(operations: Operation[]): string {
  const rows = operations.map(
    (one) => `| [\`${one.id}\`](#${one.id.toLowerCase()}) | \`${one.method} ${one.path}\` | ${rolesOf(one)} |`,
  );
  return ['| operation | call | roles of a key |', '| --- | --- | --- |', ...rows].join('\n');
}

function rolesOf({ id }: Operation): string {
  const access = accessOf(id);
  if (access === 'public') return 'no key needed';
  const own = access === 'follow' || access === 'submit';
  return rolesWith(access)
    .map((role) => (own && seesOwnOnly(role) ? `${role} (own)` : role))
    .join(', ');
}

function chapterOf(tag: string, about: string, operations: Operation[], schemas: Schemas): string {
  // Not the tag alone: an operation may have that name, and its link would lead here.
  return [`## Calls: ${tag}`, about, ...operations.map((one) => sectionOf(one, schemas))].join('\n\n');
}

function sectionOf(one: Operation, schemas: Schemas): string {
  const { parameters, body, answers, problems } = one;
  const given: Member[] = parameters.map((parameter) => ({
    path: parameter.name,
    type: `${typeOf(parameter.schema, schemas)}, in ${parameter.in}`,
    required: parameter.required,
    description: parameter.description,
  }));
  return [
    `### ${one.id}`,
    `\`${one.method} ${one.path}\``,
    [one.summary, one.description].filter((text) => text !== undefined).join(' '),
    tableOf('parameter', given),
    body === undefined ? '' : tableOf('member of the body', membersOf(body.schema, schemas)),
    fence('sh', curlOf(one)),
    ...answers.map((answer) => answerOf(answer, schemas)),
    ...one.events.map(({ type, schema }) => tableOf(`data of \`${type}\``, membersOf(schema, schemas))),
    problemsOf(problems),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function answerOf({ status, media }: Answer, schemas: Schemas): string {
  if (media === undefined) return `Answer ${status}, without a body.`;
  const shownAsJson = isJson(media.type);
  const example = shownAsJson ? JSON.stringify(media.example, null, 2) : String(media.example).trimEnd();
  return [
    `Answer ${status}, \`${media.type}\`:`,
    fence(shownAsJson ? 'json' : 'text', example),
    tableOf('member of the answer', membersOf(media.schema, schemas)),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function problemsOf(problems: Operation['problems']): string {
  if (problems.length === 0) return '';
  const words = problems.map(({ status, codes }) => `${status} ${codes.map((code) => `\`${code}\``).join(', ')}`);
  return `Problems: ${words.join('; ')}.`;
}

function tableOf(head: string, rows: Member[]): string {
  if (rows.length === 0) return '';
  const lines = rows.map(
    ({ path, type, required, description }) =>
      `| \`${path}\` | ${cell(type)}${required ? '' : ', optional'} | ${cell(description)} |`,
  );
  return [`| ${head} | type | meaning |`, '| --- | --- | --- |', ...lines].join('\n');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

function fence(language: string, text: string): string {
  return `\`\`\`${language}\n${text}\n\`\`\``;
}
