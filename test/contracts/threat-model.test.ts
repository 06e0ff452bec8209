// Each line of the threat model points to a test that is there.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const PAGE = new URL('../../docs/explain/threat-model.md', import.meta.url);
const text = readFileSync(PAGE, 'utf8');
const lines = text.split('\n').filter((line) => /^\| (?!attempt|---)/.test(line));
const tests = (line: string) => [...line.matchAll(/\[([^\]]+)\]\((\.\.\/\.\.\/test\/[^)]+)\)/g)];

describe('the threat model', () => {
  it('has a test in each line', () => {
    expect(lines.length).toBeGreaterThan(20);
    expect(lines.filter((line) => tests(line).length === 0)).toEqual([]);
  });

  it.each(tests(text).map(([, name, path]) => [name!, path!]))('%s: %s', (name, path) => {
    const source = readFileSync(new URL(path, PAGE), 'utf8');
    expect(['`', "'", '"'].some((quote) => source.includes(`(${quote}${name}`))).toBe(true);
  });
});
