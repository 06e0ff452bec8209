// A value that must stand in no command line: from standard input, or typed without being shown.
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { readSmallFile } from '../../core/config/small-file.ts';
import { AfdError } from '../../core/domain/errors.ts';

/** Of the input; the value itself may be shorter. */
const MOST_BYTES = 1024 * 1024;

/** The value of a secret, as `hiddenInput` gets its text. @throws AfdError E_USAGE */
export async function hiddenValue(question: string, format: 'text' | 'json', help: string): Promise<unknown> {
  const text = await hiddenInput(question, help);
  if (format === 'text') return text;
  try {
    return JSON.parse(text);
  } catch {
    // The words of the parser repeat a part of the text.
    throw refused('The value is not JSON.', help);
  }
}

/**
 * A password that is set: from a file, from standard input, or typed twice without being shown.
 * @throws AfdError E_USAGE, E_NOT_FOUND
 */
export async function newPassword(file: string | undefined, help: string): Promise<string> {
  if (file !== undefined) return fromFile(file, help);
  const first = await hiddenInput('Password:', help);
  if (first === '') throw refused('No password was given.', help);
  if (!isTyped() || first === (await hiddenInput('The same again:', help))) return first;
  throw refused('The two passwords are not the same.', help);
}

async function fromFile(file: string, help: string): Promise<string> {
  try {
    return (await readSmallFile(file)).text.replace(/\r?\n$/, '');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new AfdError('E_NOT_FOUND', `${file} does not exist.`, { suggestions: [help] });
    throw refused(`${file} cannot be read: ${message}.`, help);
  }
}

/**
 * The text of standard input without the line feed at its end; on a terminal, one line that is asked for and not shown.
 * @throws AfdError E_USAGE: it is too long, no UTF-8, or the question was cancelled
 */
async function hiddenInput(question: string, help: string): Promise<string> {
  const { stdin } = process;
  if (isTyped()) return asked(question, help);
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of stdin as AsyncIterable<Buffer>) {
    parts.push(part);
    bytes += part.length;
    if (bytes > MOST_BYTES) throw refused(`Standard input has more than ${MOST_BYTES} bytes.`, help);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(parts)).replace(/\r?\n$/, '');
  } catch {
    throw refused('Standard input is not UTF-8.', help);
  }
}

/** What is typed is not shown, wherever the question can be shown. */
function isTyped(): boolean {
  return process.stdin.isTTY === true;
}

async function asked(question: string, help: string): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: silent, terminal: true });
  const { stderr, stdout } = process;
  const screen = stderr.isTTY !== true && stdout.isTTY === true ? stdout : stderr;
  screen.write(`${question} `);
  try {
    return await new Promise<string>((resolve, reject) => {
      // Raw mode keeps Ctrl-C from the process, which ends by it as by any other.
      terminal.once('SIGINT', () => {
        terminal.close();
        process.kill(process.pid, 'SIGINT');
      });
      terminal.once('close', () => reject(refused('No value was given.', help)));
      terminal.question('').then(resolve, reject);
    });
  } finally {
    screen.write('\n');
    terminal.close();
  }
}

function refused(message: string, help: string): AfdError {
  return new AfdError('E_USAGE', message, { suggestions: [help] });
}
