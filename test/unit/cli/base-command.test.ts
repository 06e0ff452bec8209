import { readdirSync } from 'node:fs';
import { Args, Flags } from '@oclif/core';
import { describe, expect, it } from 'vitest';
import { BaseCommand } from '../../../src/cli/base-command.ts';
import { AfdError, ERROR_CODES, type ErrorCode } from '../../../src/core/domain/errors.ts';
import { runCommand } from './run-command.ts';

class Sample extends BaseCommand {
  static override args = { id: Args.integer({ required: true }) };
  static override flags = { slots: Flags.integer(), throw: Flags.string() };
  static override configFlags = { slots: 'worker.max_concurrent_tasks' };

  async run() {
    const { flags } = await this.parse(Sample);
    if (flags.throw === 'bug') throw new TypeError('x is not a function');
    if (flags.throw === 'exit') this.exit(9);
    if (flags.throw?.startsWith('bare ')) throw new AfdError(flags.throw.slice(5) as ErrorCode, 'It failed.');
    if (flags.throw === 'only') {
      throw new AfdError('E_CONFLICT', 'It failed.', { suggestions: ['afd sample 1 --throw only'] });
    }
    if (flags.throw === 'again' || flags.throw === 'later') {
      const suggestions = [`afd sample 1 --throw ${flags.throw}`, 'afd other'];
      throw new AfdError(flags.throw === 'again' ? 'E_CONFLICT' : 'E_TEMPORARY', 'It failed.', { suggestions });
    }
    if (flags.throw !== undefined) {
      throw new AfdError(flags.throw as ErrorCode, 'It failed,\nfor two reasons.', {
        suggestions: ['afd try this'],
        data: { n: 1 },
      });
    }
    return this.withContext(async (context) => {
      this.log('done');
      if (context.config.worker.max_concurrent_tasks === 3) this.exitWith(3);
      return {
        slots: context.config.worker.max_concurrent_tasks,
        origin: context.resolved.origins['worker.max_concurrent_tasks'],
      };
    });
  }
}

const ENV = { AFD_DATABASE_URL: 'mysql://a@127.0.0.1:1/s', AFD_CONFIG: '/dev/null', DEBUG: undefined };
const run = (argv: string[], env: Record<string, string | undefined> = {}) =>
  runCommand(Sample, 'sample', argv, { ...ENV, ...env });

describe('a command', () => {
  it('prints text, or its result as JSON and nothing else', async () => {
    expect(await run(['1'])).toMatchObject({ stdout: 'done\n', stderr: '', exitCode: 0 });
    const ran = await run(['1', '--json', '--slots', '5']);
    expect([ran.json(), ran.stderr, ran.exitCode]).toEqual([{ slots: 5, origin: 'flag --slots' }, '', 0]);
  });

  it('may answer with an exit code and still print its result, or exit at once', async () => {
    expect(await run(['1', '--throw', 'exit'])).toMatchObject({ stdout: '', exitCode: 9 });
    expect(await run(['1', '--slots', '3'])).toMatchObject({ stdout: 'done\n', exitCode: 3 });
    const ran = await run(['1', '--slots', '3', '--json']);
    expect([ran.json().slots, ran.exitCode]).toEqual([3, 3]);
  });

  it('warns about a mistyped variable on stderr in both modes', async () => {
    for (const argv of [['1'], ['1', '--json']]) {
      expect((await run(argv, { AFD_LOG_LEVL: 'info' })).stderr).toBe(
        'Warning: unknown environment variable AFD_LOG_LEVL; did you mean AFD_LOG_LEVEL?\n',
      );
    }
  });

  it('has no colour when piped', async () => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what is looked for
    expect((await run(['1', '--throw', 'E_FAILED'])).stderr).not.toMatch(/\u001b/);
  });
});

it('finding C: runs in an empty folder in these tests, whatever private server the clone has', async () => {
  class Where extends BaseCommand {
    async run() {
      await this.parse(Where);
      return { there: readdirSync(process.cwd()) };
    }
  }
  expect((await runCommand(Where, 'where', ['--json'], ENV)).json()).toEqual({ there: [] });
});

describe('a failed command', () => {
  it.each(Object.keys(ERROR_CODES) as ErrorCode[])('of %s has its exit code and its proposals', async (code) => {
    const { exit, command } = ERROR_CODES[code];
    const text = await run(['1', '--throw', code]);
    expect(text).toMatchObject({ stdout: '', exitCode: exit });
    expect(text.stderr).toBe(`Error: It failed,\nfor two reasons. [${code}]\n  Try: afd try this\n`);
    const json = await run(['1', '--throw', code, '--json']);
    expect(json).toMatchObject({ stderr: '', exitCode: exit });
    expect(json.json()).toEqual({
      error: { code, message: 'It failed,\nfor two reasons.', suggestions: ['afd try this'], data: { n: 1 } },
    });
    // Without any of its own it proposes the command of its code.
    const proposed = code === 'E_USAGE' ? 'afd sample --help' : command;
    const bare = await run(['1', '--throw', `bare ${code}`, '--json']);
    expect(bare.json()).toMatchObject({ error: { code, suggestions: [proposed] } });
  });

  it('finding B11: does not propose what was just typed, unless it is a matter of time', async () => {
    const proposed = async (how: string) =>
      ((await run(['1', '--throw', how, '--json'])).json() as { error: { suggestions: string[] } }).error.suggestions;
    expect(await proposed('again')).toEqual(['afd other']);
    expect(await proposed('later')).toEqual(['afd sample 1 --throw later', 'afd other']);
    expect(await proposed('only')).toEqual(['afd sample --help']);
  });

  it('calls a bug a bug, without a stack unless DEBUG is set', async () => {
    const ran = await run(['1', '--throw', 'bug']);
    expect(ran.exitCode).toBe(1);
    expect(ran.stderr).toContain('Error: This is a bug in afd; please report it: x is not a function [E_INTERNAL]');
    expect(ran.stderr).toContain('\n  Try: DEBUG=afd afd sample\n');
    expect(ran.stderr).not.toContain('base-command.test.ts');
    expect((await run(['1', '--throw', 'bug'], { DEBUG: 'afd' })).stderr).toContain('base-command.test.ts');
  });

  it.each([
    [['1', '--jsn'], 'There is no flag --jsn. Did you mean --json?'],
    [['1', '--slot', '5'], 'There is no flag --slot. Did you mean --slots?'],
    [['1', '--zzzzzz'], 'There is no flag --zzzzzz.'],
    [['1', '--slots', 'many'], '--slots: Expected an integer but received: many.'],
    [['1', '2'], 'Unexpected argument: 2.'],
    [
      ['1', '--password', 'x'],
      '--password is not supported, because other users could read the secret from the process list',
    ],
    [[], 'An argument is missing: id. [E_USAGE]'],
  ])('is a usage error, exit 2, for %j', async (argv, sentence) => {
    const text = await run(argv);
    expect(text).toMatchObject({ stdout: '', exitCode: 2 });
    expect(text.stderr).toContain(`Error: ${sentence}`);
    expect(text.stderr).toContain('[E_USAGE]\n  Try: afd sample --help\n');
    const json = await run([...argv, '--json']);
    expect([json.exitCode, json.stderr]).toEqual([2, '']);
    expect(json.json()).toMatchObject({ error: { code: 'E_USAGE', suggestions: ['afd sample --help'] } });
  });

  it('is refused by its configuration with 78', async () => {
    const ran = await run(['1', '--json'], { AFD_WORKER_TICK_INTERVAL: 'x' });
    expect(ran.exitCode).toBe(78);
    expect(ran.json()).toMatchObject({ error: { code: 'E_CONFIG' } });
  });
});
