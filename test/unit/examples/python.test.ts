import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { pythonWithMysql } from '../../../examples/appsflyer/quickstart/python.ts';

it('passes over a python3 without PyMySQL and takes the next one that has it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'afd-python-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const make = (name: string, exit: number) => {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'python3'), `#!/bin/sh\nexit ${exit}\n`);
    chmodSync(join(folder, name, 'python3'), 0o755);
    return join(folder, name);
  };
  const path = [make('bare', 1), join(folder, 'missing'), make('full', 0)].join(delimiter);
  expect(pythonWithMysql(path)).toBe(join(folder, 'full', 'python3'));
});
