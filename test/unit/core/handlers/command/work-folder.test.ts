import * as fs from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { removeAbandonedFolders, WorkFolder } from '../../../../../src/core/handlers/command/work-folder.ts';
import { messagesOf, testAttempt } from '../../../../fixtures/handlers/attempt.ts';
import { run, sh, shUntil, stamp } from '../../../../fixtures/handlers/command.ts';
import { skipBecause } from '../../../../helpers/skip.ts';
import { folder } from '../../config/config-folder.ts';

const { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } = fs;

describe('the working folder', () => {
  const SHOW = 'echo "$AFD_WORK_DIR"; echo "$TMPDIR"; touch "$TMPDIR/x" "$AFD_WORK_DIR/y"';

  it('is private, holds TMPDIR, and is removed with all that is in it', async () => {
    const attempt = testAttempt();
    await sh(`${SHOW}; stat -c %a "$AFD_WORK_DIR" "$TMPDIR"; exit 3`, {}, attempt);
    const [folder, temporary, ...modes] = messagesOf(attempt);
    expect([temporary, ...modes]).toEqual([`${folder}/tmp`, '700', '700']);
    expect(existsSync(folder!)).toBe(false);
  });

  it('leaves a TMPDIR that the configuration sets', async () => {
    const attempt = testAttempt();
    await run(['printenv', 'TMPDIR'], { env: { TMPDIR: '/var/tmp' } }, attempt);
    expect(messagesOf(attempt)).toEqual(['/var/tmp']);
  });

  it.each<[string, string, 'timeout' | 'shutdown' | undefined]>([
    ['retry', 'exit 3', undefined],
    ['permanent', 'exit 65', undefined],
    ['timeout', 'exec sleep 600', 'timeout'],
    ['done', 'exit 0', undefined],
    ['later', 'exit 75', undefined],
    ['released', 'exec sleep 600', 'shutdown'],
  ])('stays with keep_folder: on-failure after a failure alone, under another name: %s', async (kind, end, reason) => {
    const attempt = testAttempt();
    const keep = { keep_folder: 'on-failure' as const };
    const running = sh(`head -c 20000 /dev/zero | tr '\\0' x >&2; ${SHOW}; ${end}`, keep, attempt);
    await attempt.logged(/tmp$/);
    if (reason !== undefined) attempt.abort(reason);
    const outcome = await running;
    expect(outcome).toMatchObject({ kind });
    expect(existsSync(messagesOf(attempt)[0]!)).toBe(false);
    const message = 'error_message' in outcome ? outcome.error_message : '';
    const [, kept] = /; working folder: (\/.*\/afd-kept-7-2-\w{6})$/.exec(message) ?? [];
    expect(kept !== undefined).toBe(['retry', 'permanent', 'timeout'].includes(kind));
    if (kept === undefined) return;
    onTestFinished(() => rmSync(kept, { recursive: true }));
    expect(readdirSync(kept)).toContain('tmp');
    expect(statSync(kept).mode & 0o777).toBe(0o700);
    expect(messagesOf(attempt, 'warn')).toEqual([`the working folder of this attempt is kept: ${kept}`]);
  });

  it(
    'of a worker that died is removed by the next; one of a live worker, of others, or kept is not',
    skipBecause(stamp === undefined ? 'there is no /proc: folders do not name their worker' : undefined),
    async () => {
      const [pid, started, namespace] = stamp!.split(':');
      const make = WorkFolder.make;
      const dead = await make(`${pid}:${Number(started) - 1}:${namespace}`);
      const kept = await make(`${pid}:1:${namespace}`);
      await kept.keep(1, 1, testAttempt().log);
      const others = [kept, await make(stamp), await make(`${pid}:1:1`), await make(undefined)];
      onTestFinished(() => {
        for (const { path } of [dead, ...others]) rmSync(path, { recursive: true, force: true });
      });
      writeFileSync(join(dead.temporary, 'x'), '');
      expect(await removeAbandonedFolders(stamp!)).toEqual([]);
      expect(existsSync(dead.path)).toBe(false);
      expect(others.map(({ path }) => existsSync(path))).toEqual([true, true, true, true]);
    },
  );
});

describe('files.keep', () => {
  let root: string;
  beforeEach(() => {
    root = folder();
  });
  const tree = (path = root) =>
    readdirSync(path, { recursive: true, encoding: 'utf8' })
      .filter((name) => statSync(join(path, name)).isFile())
      .sort();
  const keep = (script: string, keep_files: string[], attempt = testAttempt()) =>
    sh(`cd "$AFD_WORK_DIR"; ${script}`, { keep_files, artifacts: root }, attempt);

  it('copies what matches, after success and failure', async () => {
    const script = 'mkdir -p out/deep; for f in a.png .d.png c.txt out/e.csv out/deep/f.csv; do echo $f > $f; done';
    expect(await keep(script, ['*.png', 'out/?.csv', 'nothing'])).toMatchObject({ kind: 'done' });
    expect(tree()).toEqual(['7/2/a.png', '7/2/out/e.csv']);
    expect(readFileSync(join(root, '7/2/out/e.csv'), 'utf8')).toBe('out/e.csv\n');
    await keep(`${script}; exit 3`, ['c.*'], testAttempt({ attempt: 3 }));
    expect(tree(join(root, '7/3'))).toEqual(['c.txt']);
  });

  it('follows no link, waits for no pipe, copies no folder, and 10 MB of an attempt at most; it says so', async () => {
    const attempt = testAttempt();
    const script = `ln -s /etc/passwd a.txt; ln -s /etc out; mkfifo b.txt; mkdir c.txt; echo d > d.txt
      for f in e f g; do head -c 6000000 /dev/zero > $f.txt; done`;
    expect(await keep(script, ['*.txt', 'out/passwd'], attempt)).toMatchObject({ kind: 'done' });
    expect(tree()).toEqual(['7/2/d.txt', '7/2/e.txt']);
    const large = 'it would exceed 10 MB for the artefacts of one attempt';
    const why = { a: 'it is not a regular file', b: 'it is not a regular file', f: large, g: large };
    const said = Object.entries(why).map(([name, text]) => `artefacts: ${name}.txt is not kept: ${text}`);
    expect(messagesOf(attempt, 'warn')).toEqual(said);
  });

  it('loses no attempt when the folder is missing or cannot be written', async () => {
    rmSync(root, { recursive: true });
    const missing = testAttempt();
    await keep('echo a > a', ['b'], missing);
    expect(messagesOf(missing, 'warn')).toEqual([]);
    expect(await keep('echo a > a', ['a'], missing)).toMatchObject({ kind: 'done' });
    expect(messagesOf(missing, 'warn')).toEqual([
      `artefacts: not kept: the folder ${root} (worker.artifacts) does not exist`,
    ]);
    expect(existsSync(root)).toBe(false);
    mkdirSync(root);
    writeFileSync(join(root, '7'), 'a file in the place of the folder');
    const blocked = testAttempt();
    expect(await keep('echo a > a; exit 3', ['a'], blocked)).toMatchObject({ kind: 'retry', error_class: 'exit_3' });
    expect(messagesOf(blocked, 'warn')).toEqual([expect.stringMatching(/^artefacts: a is not kept: E(NOTDIR|EXIST)/)]);
  });

  it('copies nothing of an attempt that is released', async () => {
    const script = 'cd "$AFD_WORK_DIR"; echo a > a; echo ready; exec sleep 600';
    await shUntil(/^ready$/, 'revoked', script, { keep_files: ['a'], artifacts: root });
    expect(tree()).toEqual([]);
  });

  it('fits names as a shell does', async () => {
    const cases = { 'a*b*c': ['aXbYc', 'abc'], '.*': ['.a'], 'a.c': ['a.c'] };
    for (const [pattern, fitting] of Object.entries(cases)) {
      rmSync(join(root, '7'), { recursive: true, force: true });
      await keep('touch abc aXbYc abcd a.c .a', [pattern]);
      // The result file and TMPDIR are not there.
      expect(tree(join(root, '7/2'))).toEqual(fitting);
    }
  });
});
