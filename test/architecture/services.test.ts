// Whatever has a life has the contract of core/runtime/service.ts, and is stressed.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SERVICES } from '../helpers/services.ts';

const OTHERS = [
  // Starts an attempt.
  'Runner.start',
  // Attempts that ended, by how.
  'HeldAttempts.finished',
];

interface Class {
  name: string;
  parent: string | undefined;
  text: string;
}

function classesIn(text: string): Class[] {
  return text.split(/^(?=(?:export )?(?:abstract )?(?:export abstract )?class )/m).flatMap((part) => {
    const [, name, parent] = /^(?:export )?(?:abstract )?class (\w+)(?:<[^>]*>)?(?: extends (\w+))?/.exec(part) ?? [];
    return name === undefined ? [] : [{ name, parent, text: part }];
  });
}

/** The names of those that are services, directly or by what they extend. */
function servicesAmong(classes: Class[]): string[] {
  const found = new Set(['Service']);
  for (let before = 0; before < found.size; ) {
    before = found.size;
    for (const { name, parent } of classes) if (parent !== undefined && found.has(parent)) found.add(name);
  }
  found.delete('Service');
  return [...found].sort();
}

/** Members `start`, `stop` and `finished` of classes that are no services. */
function pretenders(classes: Class[]): string[] {
  const services = new Set(['Service', ...servicesAmong(classes)]);
  return classes.flatMap(({ name, text }) =>
    services.has(name)
      ? []
      : [...text.matchAll(/^ {2}(?:async |get |readonly )*(start|stop|finished)\b[ (:=]/gm)].map(
          (m) => `${name}.${m[1]}`,
        ),
  );
}

describe('the classes of src/core', () => {
  const root = new URL('../../src/core/', import.meta.url);
  const classes = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .flatMap((path) => classesIn(readFileSync(new URL(path, root), 'utf8')));

  it('that are services are all in test/helpers/services.ts', () => {
    expect(Object.keys(SERVICES).sort()).toEqual(servicesAmong(classes));
  });

  it('that start, stop or finish are services', () => {
    expect(pretenders(classes).filter((one) => !OTHERS.includes(one))).toEqual([]);
  });
});

describe('this test', () => {
  it('sees a service behind another class', () => {
    const classes = classesIn('export class A extends Service {}\nclass B extends A {}\nexport class C extends D {}\n');
    expect(servicesAmong(classes)).toEqual(['A', 'B']);
  });

  it.each(['  start(): void {}', '  async stop() {}', '  get finished() {}', '  readonly finished: Promise<void>;'])(
    'refuses in a class that is no service: %s',
    (member) => {
      expect(pretenders(classesIn(`export class A {\n${member}\n}\n`))).toHaveLength(1);
      expect(pretenders(classesIn(`export class A extends Service {\n${member}\n}\n`))).toEqual([]);
    },
  );
});
