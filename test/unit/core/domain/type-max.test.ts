import { expect, test } from 'vitest';
import { maximaPublished, maxOfType, typeMaxima } from '../../../../src/core/domain/type-max.ts';

test('a worker publishes the maxima of the types that it runs, and nothing when there are none', () => {
  const maxima = typeMaxima(['crawl', 'call', 'constructor'], { crawl: { max: 2 }, call: {}, other: { max: 1 } });
  expect(maximaPublished(maxima)).toEqual({ max_per_type: { crawl: 2 } });
  expect(maximaPublished(typeMaxima(['call'], { call: {} }))).toEqual({});
});

test('what capabilities say is read, whoever wrote it', () => {
  expect(maxOfType({ max_per_type: { crawl: 2 } }, 'crawl')).toBe(2);
  for (const max_per_type of [undefined, null, 3, 'x', [], { crawl: 0 }, { crawl: 1.5 }, { crawl: '2' }, { call: 1 }])
    expect(maxOfType({ max_per_type }, 'crawl'), JSON.stringify(max_per_type)).toBeUndefined();
  expect(maxOfType({ max_per_type: {} }, 'constructor')).toBeUndefined();
});
