// Whatever has a life has the contract of core/runtime/service.ts, and is stressed.
import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { SERVICES } from '../helpers/services.ts';

/** Starts an attempt; attempts that ended, by how. */
const OTHERS = ['Runner.start', 'HeldAttempts.finished'];

/** Classes that are services, directly or by what they extend, and what else has a member `start`, `stop` or `finished`. */
function readClasses(texts: string[]): { services: string[]; pretenders: string[] } {
  const bodies = texts.flatMap((text) => text.split(/^(?=(?:export )?(?:abstract )?class )/m));
  const classes = bodies.flatMap((body) => {
    const [, name, parent] = /^(?:export )?(?:abstract )?class (\w+)(?:<[^>]*>)?(?: extends (\w+))?/.exec(body) ?? [];
    return name === undefined ? [] : [{ name, parent, body }];
  });
  const services = new Set(['Service']);
  for (let before = 0; before < services.size; ) {
    before = services.size;
    for (const { name, parent = '' } of classes) if (services.has(parent)) services.add(name);
  }
  const others = classes.filter(({ name }) => !services.has(name));
  const pretenders = others.flatMap(({ name, body }) => {
    const members = body.matchAll(/^ {2}(?:async |get |readonly )*(start|stop|finished)\b[ (:=]/gm);
    return [...members].map(([, member]) => `${name}.${member}`);
  });
  services.delete('Service');
  return { services: [...services].sort(), pretenders };
}

it('the services of src/core are all in test/helpers/services.ts, and nothing else starts, stops or finishes', () => {
  const root = new URL('../../src/core/', import.meta.url);
  const paths = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'));
  const { services, pretenders } = readClasses(paths.map((path) => readFileSync(new URL(path, root), 'utf8')));
  expect(services).toEqual(Object.keys(SERVICES).sort());
  expect(pretenders.filter((one) => !OTHERS.includes(one))).toEqual([]);
});

it('a service is seen behind another class, and what only has its members', () => {
  const members = '{\n  start(): void {}\n  async stop() {}\n  readonly finished: Promise<void>;\n}\n';
  const text = ['A extends Service', 'B extends A', 'C extends D']
    .map((one) => `export class ${one} ${members}`)
    .join('');
  expect(readClasses([text])).toEqual({ services: ['A', 'B'], pretenders: ['C.start', 'C.stop', 'C.finished'] });
});
