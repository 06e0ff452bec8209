import { expect, it } from 'vitest';
import { byteSize, exactBytes, spelledBytes } from '../../../../src/core/domain/byte-size.ts';

const [KB, MB, GB, TB] = [1024, 1024 ** 2, 1024 ** 3, 1024 ** 4] as const;

it.each<[number | string, number]>([
  [0, 0],
  [1024, 1024],
  ['512', 512],
  ['512B', 512],
  ['1KB', KB],
  ['64k', 64 * KB],
  ['512MB', 512 * MB],
  ['512 MiB', 512 * MB],
  [' 2 gb ', 2 * GB],
  ['1.5GB', 1.5 * GB],
  ['2tb', 2 * TB],
])('%j is %d bytes', (text, bytes) => {
  expect(byteSize(text)).toBe(bytes);
});

const unreadable = ['', 'GB', 'much', '-1MB', '1 PB', '1e3', '99999999TB', '999999999999999TB'];
it.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, null, true, [1], ...unreadable])('%j is no size', (value) => {
  expect(byteSize(value)).toBeUndefined();
});

it('a size is spelled with one decimal place', () => {
  const texts = ['0 B', '1000 B', '1 KB', '2.1 GB', '2 GB', '3 TB'];
  expect([0, 1000, KB, 2_254_857_830, 2 * GB, 3 * TB].map(spelledBytes)).toEqual(texts);
});

it('a size is spelled exactly in the largest unit in which it is whole', () => {
  expect([0, 1536, 512 * MB, TB].map(exactBytes)).toEqual(['0B', '1536B', '512MB', '1TB']);
});
