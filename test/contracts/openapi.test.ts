// The description of the HTTP API: valid, complete, and the same as the table of operations and docs/reference/http.md.
import { createConfig, lintFromString } from '@redocly/openapi-core';
import type { OpenAPIV3_1 } from 'openapi-types';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ERROR_CODES } from '../../src/core/domain/errors.ts';
import { apiDocument } from '../../src/gateway/api-document.ts';
import { markdownPage } from '../../src/gateway/description/markdown-page.ts';
import { operationsOf, schemasOf } from '../../src/gateway/description/operations.ts';
import type { JsonSchema, Schemas } from '../../src/gateway/description/sample.ts';
import { type Member, membersOf } from '../../src/gateway/description/schema-words.ts';
import { isRepeatable, type OperationContract } from '../../src/http/operations/operation.ts';
import { OPERATIONS } from '../../src/http/operations/operations.ts';
import { TAGS } from '../../src/http/tags.ts';
import { projectFiles, readProjectFile } from './project-files.ts';

const { httpPage } = (await import(new URL('../../scripts/http-page.mjs', import.meta.url).href)) as {
  httpPage(functions: { apiDocument: typeof apiDocument; markdownPage: typeof markdownPage }): Promise<string>;
};

let document: OpenAPIV3_1.Document;
let operations: ReturnType<typeof operationsOf>;
const table = Object.entries(OPERATIONS) as Array<[string, OperationContract]>;

beforeAll(async () => {
  document = await apiDocument('0.0.0-test');
  operations = operationsOf(document);
});

/** What the linter says of a document, a line each. */
async function lint(one: object): Promise<string[]> {
  const config = await createConfig({
    extends: ['recommended-strict'],
    // A probe of health has no wrong use.
    // What nothing refers to is left out already; it does not see x-event-data.
    rules: {
      'operation-4xx-response': 'off',
      // A redirect is an answer.
      'operation-2xx-response': 'off',
      'no-unused-components': 'off',
      // It knows no $ref under a name of ours.
      'spec-strict-refs': 'off',
      'no-invalid-schema-examples': 'error',
    },
  });
  const problems = await lintFromString({ source: JSON.stringify(one), absoluteRef: '/openapi.json', config });
  return problems.map(({ ruleId, message, location }) => `${ruleId}: ${message} ${location[0]?.pointer ?? ''}`);
}

describe('the OpenAPI document', () => {
  it('is OpenAPI 3.1 without a complaint of the linter: structure, references, and examples that fit their schemas', async () => {
    expect(document.openapi).toBe('3.1.1');
    expect(await lint(document)).toEqual([]);
  });

  it('has for each operation an id, a sentence, a chapter, and an answer with an example', () => {
    const wrong = operations.flatMap(({ id, method, path, tag, summary, answers }) => {
      const what = `${method} ${path}`;
      return [
        ...(/^[a-z][A-Za-z]+$/.test(id) ? [] : [`${what} has no operationId in camelCase`]),
        ...(/^[A-Z`].*\.$/.test(summary) ? [] : [`${what} has no summary that is a sentence`]),
        ...(tag in TAGS ? [] : [`${what} has no tag of src/http/tags.ts`]),
        ...(answers.length > 0 ? [] : [`${what} has no answer below 400`]),
        ...answers
          .filter((one) => !['204', '302'].includes(one.status) && one.media?.example === undefined)
          .map((one) => `${what} has no example of ${one.status}`),
      ];
    });
    expect(wrong).toEqual([]);
  });

  it('names the problems of each operation by codes of the registry, and those of the database wherever it is asked', () => {
    const codes = operations.flatMap((one) => one.problems.flatMap((problem) => problem.codes));
    expect(codes.filter((code) => !(code in ERROR_CODES))).toEqual([]);
    const silent = operations
      .filter((one) => one.tag !== 'health' && one.tag !== 'description')
      .filter(
        (one) => !one.problems.some(({ status, codes: some }) => status === '503' && some.includes('E_DATABASE')),
      );
    expect(silent.map((one) => one.id)).toEqual([]);
  });

  it('hides no route', () => {
    const files = projectFiles().filter((path) => path.startsWith('src/gateway/'));
    expect(files.filter((path) => /\bhide: true/.test(readProjectFile(path) ?? ''))).toEqual([]);
  });
});

/** Without the words: a reference in the document has those of what it refers to. */
const facts = (members: Member[]) => members.map(({ path, type, required }) => ({ path, type, required }));

/** Members as a reader of the description sees them. */
function words(
  schema: z.ZodType | undefined,
  io: 'input' | 'output',
): Array<Pick<Member, 'path' | 'type' | 'required'>> {
  if (schema === undefined) return [];
  const json = z.toJSONSchema(schema, { io, unrepresentable: 'any', reused: 'inline' }) as JsonSchema & {
    $defs?: Schemas;
  };
  return facts(membersOf(json, json.$defs ?? {}));
}

describe('the table of operations, from which the client is made', () => {
  it('has every operation of the document, and no other', () => {
    const calls = operations.map(({ id, method, path }) => `${id}: ${method} ${path}`).sort();
    expect(table.map(([id, { method, path }]) => `${id}: ${method} ${path}`).sort()).toEqual(calls);
  });

  it.each(table)('%s has the schemas of its route', (id, contract) => {
    const one = operations.find((each) => each.id === id)!;
    const schemas = schemasOf(document);
    const names = (where: string) => one.parameters.filter((each) => each.in === where).map((each) => each.name);
    const members = (schema: z.ZodType | undefined) => words(schema, 'input').map(({ path }) => path.split('.')[0]);
    expect(names('path')).toEqual([...new Set(members(contract.params))]);
    expect(names('query')).toEqual([...new Set(members(contract.query))]);
    expect(one.body === undefined ? [] : facts(membersOf(one.body.schema, schemas))).toEqual(
      words(contract.body, 'input'),
    );
    const media = one.answers.find((each) => each.media !== undefined)?.media;
    const isJson = media?.type === 'application/json';
    if (contract.answers === undefined && contract.answer !== undefined && isJson)
      expect(facts(membersOf(media.schema, schemas))).toEqual(words(contract.answer, 'output'));
    else
      expect(contract.answers ?? contract.answer, 'says what its answer is').toBe(isJson ? 'json' : contract.answers);
  });

  it('sends a POST again only where it says that this does no harm', () => {
    expect(isRepeatable({ method: 'POST', path: '/' })).toBe(false);
    expect(isRepeatable({ method: 'POST', path: '/', repeatable: true })).toBe(true);
    expect(isRepeatable({ method: 'DELETE', path: '/' })).toBe(true);
  });
});

describe('docs/reference/http.md', () => {
  it('is what scripts/http-page.mjs writes from the schemas', async () => {
    const page = await httpPage({ apiDocument, markdownPage });
    expect(readProjectFile('docs/reference/http.md')).toBe(page);
  });
});
