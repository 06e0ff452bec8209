import { expect, it } from 'vitest';
import { handlerSchema } from '../../../../src/core/config/config-schema.ts';

const read = (more: object) => handlerSchema.safeParse({ exec: ['a'], ...more });
const problem = (more: object) => read(more).error?.issues.map(({ path, message }) => `${path.join('.')} ${message}`);

it('what applies to commands has no limit, keeps nothing, and leaves the umask', () => {
  expect(read({}).data).toMatchObject({ limits: {}, keep_folder: 'never', files: { keep: [] } });
  expect(read({}).data?.umask).toBeUndefined();
});

it('sizes are bytes', () => {
  const limits = { memory: '2GB', nice: 10, open_files: 1024, output: '100MB' };
  expect(read({ limits }).data?.limits).toEqual({ memory: 2 ** 31, nice: 10, open_files: 1024, output: 100 * 2 ** 20 });
});

it.each([
  [{ limits: { memory: '2 gigs' } }, 'limits.memory is not a size (1048576, "512MB", "2GB")'],
  [{ limits: { memory: 2 } }, 'limits.memory must be a size from 1MB to 1TB'],
  [{ limits: { output: 0 } }, 'limits.output must be a size from 1B to 1TB'],
  [{ limits: { nice: 20 } }, 'limits.nice must be a whole number from -20 to 19'],
  [{ limits: { open_files: 3 } }, 'limits.open_files must be a whole number from 16 to 1048576'],
  [{ keep_folder: 'always' }, 'keep_folder must be one of never, on-failure'],
  // YAML reads 077 as a number.
  [{ umask: 77 }, 'umask must be octal digits in quotes, such as "077"'],
  [{ umask: '088' }, 'umask must be octal digits in quotes, such as "077"'],
])('%j: %s', (more, message) => {
  expect(problem(more)).toEqual([message]);
});

it.each(['../a', 'a/../../b', '/etc/passwd', 'a//b', './a', '', 'a/', 'a\0b'])(
  '%j leaves the working folder',
  (name) => {
    expect(problem({ files: { keep: [name] } })?.[0]).toMatch(/^files\.keep\.0 /);
  },
);

it.each(['a', '*.png', 'out/*.csv', '..a', 'a..b'])('%j stays in the working folder', (name) => {
  expect(read({ files: { keep: [name] } }).success).toBe(true);
});
