import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { expect, it } from 'vitest';
import { pythonWithMysql } from '../../../examples/appsflyer/quickstart/python.ts';
import { folder } from '../core/config/config-folder.ts';

it('passes over a python3 without PyMySQL and takes the next one that has it', () => {
  const path = folder();
  const make = (name: string, exit: number) => {
    mkdirSync(join(path, name));
    writeFileSync(join(path, name, 'python3'), `#!/bin/sh\nexit ${exit}\n`);
    chmodSync(join(path, name, 'python3'), 0o755);
    return join(path, name);
  };
  const paths = [make('bare', 1), join(path, 'missing'), make('full', 0)];
  expect(pythonWithMysql(paths.join(delimiter))).toBe(join(path, 'full', 'python3'));
});
