import { expect, it } from 'vitest';
import { byteSize, spelledBytes } from '../../../../src/core/domain/byte-size.ts';

it.each([
  [0, 0],
  [1024, 1024],
  ['1024', 1024],
  ['100B', 100],
  ['1KB', 1024],
  ['512MB', 512 * 1024 ** 2],
  [' 2 gb ', 2 * 1024 ** 3],
  ['1.5GB', 1.5 * 1024 ** 3],
  ['1TB', 1024 ** 4],
])('%j is %d bytes', (text, bytes) => {
  expect(byteSize(text)).toBe(bytes);
});

it.each([
  -1,
  1.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  '',
  'GB',
  '-1MB',
  '1 PB',
  '1e3',
  '2G',
  '99999999TB',
  null,
  true,
  [1],
])('%j is no size', (value) => {
  expect(byteSize(value)).toBeUndefined();
});

it.each([
  [0, '0 B'],
  [1000, '1000 B'],
  [1024, '1 KB'],
  [2_254_857_830, '2.1 GB'],
  [2 * 1024 ** 3, '2 GB'],
  [3 * 1024 ** 4, '3 TB'],
])('%d bytes are spelled %s', (bytes, text) => {
  expect(spelledBytes(bytes)).toBe(text);
});
