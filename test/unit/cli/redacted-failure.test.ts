// Finding S9, for what nobody foresaw: whatever an error of any code says, no password of a URL and no value under a telling
// name leaves a command or a log. Finding S15: nor does a character that a terminal obeys.
import { expect, it } from 'vitest';
import { BaseCommand } from '../../../src/cli/base-command.ts';
import { AfdError, ERROR_CODES, type ErrorCode } from '../../../src/core/domain/errors.ts';
import { createLog } from '../../../src/core/log/log.ts';
import { runCommand } from './run-command.ts';

const CANARY = 'hunter2';
const URL_WITH_SECRET = `mysql://u:${CANARY}@db.example/s`;
/** A C1 control that begins a sequence, DEL, both separators, marks and isolates of direction. */
const SPECIAL = '\u009b31m\u007f\u2028\u2029\u202e\u2066\u200f\u061c';

let code: ErrorCode;
const failure = () =>
  new AfdError(code, `It failed at ${URL_WITH_SECRET}: ${SPECIAL}`, {
    suggestions: [`AFD_DATABASE_URL=${URL_WITH_SECRET} afd status`],
    data: { url: URL_WITH_SECRET, database: { password: CANARY }, list: [{ api_key: CANARY }], text: SPECIAL },
    cause: new Error(`refused by ${URL_WITH_SECRET}`),
  });
class Failing extends BaseCommand {
  async run(): Promise<void> {
    await this.parse(Failing);
    throw failure();
  }
}

it.each(Object.keys(ERROR_CODES) as ErrorCode[])(
  'finding S9: an error %s shows no secret, as text, JSON or log line',
  async (one) => {
    code = one;
    const said: string[] = [];
    for (const argv of [[], ['--json']]) {
      for (const DEBUG of [undefined, '*']) {
        const ran = await runCommand(Failing, 'failing', argv, { DEBUG });
        expect(ran.exitCode).toBe(ERROR_CODES[one].exit);
        said.push(ran.stdout, ran.stderr);
      }
    }
    for (const format of ['text', 'json'] as const) {
      const log = createLog({ level: 'debug', format, stream: { write: (line) => said.push(line) } });
      const error = await new Failing([], {} as never).run().catch((thrown: AfdError) => thrown);
      log.error((error as Error).message, { error, ...(error as AfdError).data });
    }
    const text = said.join('\n');
    expect(text).toContain('mysql://u:***@db.example/s');
    expect(text).not.toContain(CANARY);
  },
);

it('finding S15: JSON on stdout and in the log escapes what a terminal would obey, and means the same', async () => {
  code = 'E_FAILED';
  const { stdout } = await runCommand(Failing, 'failing', ['--json']);
  const lines: string[] = [];
  const log = createLog({ level: 'info', format: 'json', stream: { write: (line) => lines.push(line) } });
  log.info(`page ${SPECIAL}`, { [`key ${SPECIAL}`]: SPECIAL });
  for (const text of [stdout, lines[0]!]) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/);
    expect(text).toContain('\\u009b31m\\u007f\\u2028\\u2029\\u202e\\u2066\\u200f\\u061c');
  }
  expect(JSON.parse(stdout).error.data.text).toBe(SPECIAL);
  expect(JSON.parse(lines[0]!)).toMatchObject({ message: `page ${SPECIAL}`, [`key ${SPECIAL}`]: SPECIAL });
});

it.each([
  ['--password', 'x'],
  ['--password=hunter2'],
  ['--db-password=hunter2'],
  ['--database-url=mysql://u:hunter2@h/s'],
  ['-phunter2'],
  ['--api-key=hunter2'],
  ['--token', 'x'],
  ['--dtabase=hunter2'],
])('finding S9: a flag that does not exist is named without what it was given: %s', async (...argv) => {
  for (const more of [[], ['--json']]) {
    const { stdout, stderr, exitCode } = await runCommand(Failing, 'failing', [...argv, ...more]);
    expect(exitCode).toBe(2);
    expect(stdout + stderr).toContain(argv[0]!.split('=')[0]!.replace(/^-p.*/, '-p'));
    expect(stdout + stderr).not.toContain(CANARY);
  }
});
