import { expect, it } from 'vitest';
import { canonicalJson } from '../../../../../src/core/domain/text/canonical-json.ts';

it('equal requirements give equal text, whatever the order of their keys at any depth', () => {
  const text = '{"a":[{"c":1,"d":2},"x"],"b":{"e":null,"f":true}}';
  expect(canonicalJson({ b: { f: true, e: null }, a: [{ d: 2, c: 1 }, 'x'] })).toBe(text);
  expect(canonicalJson(JSON.parse(text))).toBe(text);
});

it('lists keep their order, for another order is another list', () => {
  expect(canonicalJson({ a: ['y', 'x'] })).toBe('{"a":["y","x"]}');
});

it('a key named __proto__ is a key', () => {
  expect(canonicalJson(JSON.parse('{"__proto__":1,"a":2}'))).toBe('{"__proto__":1,"a":2}');
});
