// Finding C2: the README's first steps, typed as they stand there: the files that it shows in an empty folder, then each
// line of its shell, on a private server that the first of them starts.
import { spawnSync } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { stopServer } from '../../../src/core/server/embedded-server.ts';
import { hostFrom } from '../../../src/core/server/host.ts';
import { readProjectFile } from '../../contracts/project-files.ts';
import { BIN } from '../../helpers/command.ts';
import { ownDirectory } from '../../helpers/server.ts';

/** Files, by the name in the first line of their block, and lines of shell of the section with this heading. */
function stepsOf(page: string, heading: string) {
  const section = page.slice(page.indexOf(`\n## ${heading}\n`) + 1).split(/\n## /)[0] ?? '';
  const blocks = [...section.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)];
  const files = blocks.flatMap(([, , text = '']) => {
    const [, name] = /^(?:\/\/|#) (\S+\.\w+)\n/.exec(text) ?? [];
    return name === undefined ? [] : [{ name, text }];
  });
  // The first block of shell builds the clone, which has been done.
  const shell = blocks.filter(([, language]) => language === 'sh').at(-1)?.[2] ?? '';
  return { files, lines: shell.split('\n').filter((line) => line.trim() !== '') };
}

const steps = stepsOf(readProjectFile('README.md') ?? '', 'First steps');
let cwd: string;
let programs: string;

beforeAll(async () => {
  cwd = await ownDirectory(tmpdir());
  programs = await mkdtemp(join(tmpdir(), 'afd-programs-'));
  // What `npm link` makes.
  await writeFile(join(programs, 'afd'), `#!/bin/sh\nexec "${process.execPath}" "${BIN}" "$@"\n`);
  await chmod(join(programs, 'afd'), 0o755);
});
afterAll(async () => {
  await stopServer(join(cwd, '.afd'), hostFrom(process), 0);
  for (const folder of [cwd, programs]) await rm(folder, { recursive: true, force: true });
});

it('work as they are typed, in both languages: each ends with 0, and the last says that all is well', async () => {
  expect(stepsOf(readProjectFile('README.zh-CN.md') ?? '', '第一步')).toEqual(steps);
  expect([steps.files.length, steps.lines.length > 4]).toEqual([2, true]);
  for (const { name, text } of steps.files) await writeFile(join(cwd, name), text);
  const said = new Map<string, string>();
  const env = { PATH: `${programs}:${process.env.PATH}`, HOME: programs };
  for (const line of steps.lines) {
    const { status, stdout, stderr } = spawnSync('sh', ['-c', line], { cwd, encoding: 'utf8', env });
    expect([line, status, stderr.match(/^(Warning|Error).*/gm)]).toEqual([line, 0, null]);
    said.set(line.split(' ').slice(0, 3).join(' '), stdout);
  }
  expect(said.get('afd tasks add')).toBe('1\n');
  expect(said.get('afd tasks show')).toMatch(/^Status +done$/m);
  expect(said.get('afd tasks show')).toMatch(/^Result +\{"greeted":"world"\}$/m);
  const [last] = [...said].at(-1) ?? [];
  expect(last).toMatch(/^afd status/);
  expect(said.get(last ?? '')).toMatch(/^The fleet is healthy\.\n/);
});
