// Every script under `npm run`: what it says to an option that it does not know, and to --help.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readProjectFile } from './project-files.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const { scripts } = JSON.parse(readProjectFile('package.json') ?? '{}') as { scripts: Record<string, string> };

const run = (script: string, ...args: string[]) => {
  const [program, file = ''] = script.split(' ');
  expect(program).toBe('node');
  return spawnSync(process.execPath, [file, ...args], { cwd: ROOT, encoding: 'utf8' });
};

describe.each(Object.entries(scripts))('npm run %s', { timeout: 60_000 }, (_, script) => {
  it('answers an option that it does not know with its usage, exit 2, and no stack', () => {
    const { status, stdout, stderr } = run(script, '--no-such-option');
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain('--no-such-option');
    expect(stderr).toContain('\n\nUsage: npm ');
    expect(stderr).not.toMatch(/^ +at /m);
  });

  it('prints its usage for --help, exit 0', () => {
    const { status, stdout, stderr } = run(script, '--help');
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^Usage: npm /);
  });
});
