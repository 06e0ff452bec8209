import { fileURLToPath } from 'node:url';
import { Config } from '@oclif/core';
import { expect, it } from 'vitest';
import { programName } from '../../../src/cli/program-name.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

it('the version is that of afd, which is the program of the package afd-fleet', async () => {
  const config = await Config.load({ root: ROOT });
  expect([config.name, config.bin, config.pjson.oclif.hooks?.init]).toEqual([
    'afd-fleet',
    'afd',
    { target: './dist/cli/program-name', identifier: 'programName' },
  ]);
  await programName.call({} as never, { config, argv: [], id: undefined, context: {} as never });
  expect(config.userAgent).toMatch(/^afd\/\d+\.\d+\.\d+ \S+ node-v\d/);
});
