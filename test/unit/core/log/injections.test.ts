// RB10: texts that try to write a second line, move the cursor of a terminal or reverse the text beside them. Each is one
// line of a log, and of what commands print.
import { describe, expect, it } from 'vitest';
import { liveLog } from '../../../../src/cli/handler/live-log.ts';
import { renderFailure } from '../../../../src/cli/print-failure.ts';
import { renderLogEntry } from '../../../../src/cli/render/log-entry.ts';
import { renderTable } from '../../../../src/cli/render/table.ts';
import { renderTask, renderTasks } from '../../../../src/cli/render/task.ts';
import { printable } from '../../../../src/cli/render/text.ts';
import { attachLog, createLog } from '../../../../src/core/log/log.ts';
import { escapeInJson } from '../../../../src/core/log/terminal-text.ts';
import { Events } from '../../../../src/core/runtime/events.ts';

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n);
const CONTROLS = [...range(0, 0x1f), ...range(0x7f, 0x9f)];
const MARKS = [0x061c, 0x200e, 0x200f, ...range(0x2028, 0x202e), ...range(0x2066, 0x2069)];
const FORGED = '2026-11-28T00:00:00.000Z ERROR w9 the database is gone';
const SEQUENCES = [
  '[31mred',
  '[2J[H',
  '[?1049h',
  '[200~rm -rf /[201~',
  ']0;title\u0007',
  ']52;c;?\u0007',
  '_Gf=24;AAAA\u001b\\',
];
const ODD = [
  ...['\n', '\r\n', '\u0085', '\u2028', '\u0000\n'].map((end) => `ok"${end}${FORGED}`),
  ...['\ud800', 'a\udc00b', '\ufeff\ufeff', '\u{e0041}\u{e0042}', 'e\u0301'.repeat(500), '\u009d0;t\u009c', 'a\bb\b\b'],
  ...['%1b[31m', '\\u001b[31m', '\\n2026 ERROR', '%s%n%x', '"}\n{"a":"', 'a\tb'],
  ...[`${'x'.repeat(100_000)}\u001b[2J`, '\u001b'.repeat(10_000), `${'\n'.repeat(5000)}end`, '\u202e'.repeat(9000)],
];
const INJECTIONS = [
  ...[...CONTROLS, ...MARKS].map((code) => `a${String.fromCharCode(code)}b`),
  ...SEQUENCES.map((one) => `${FORGED}\u001b${one}\n${FORGED}`),
  ...ODD,
];

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const RAW = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
/** There is nothing in it that a terminal obeys. */
const isPlain = (text: string, of: string) =>
  expect(RAW.exec(text)?.[0], JSON.stringify(of).slice(0, 80)).toBeUndefined();
function isOneLine(text: string, of: string): void {
  isPlain(text, of);
  expect(text.trimEnd().includes('\n'), JSON.stringify(of).slice(0, 80)).toBe(false);
}

describe.each(['text', 'json'] as const)('RB10 in a log of %s', (format) => {
  it('each is one line, as a message, a field, a key, a device, and in an event', () => {
    for (const text of INJECTIONS) {
      const lines: string[] = [];
      const stream = { write: (line: string) => lines.push(line) };
      const log = createLog({ level: 'debug', format, stream, deviceId: text.slice(0, 64) });
      log.warn(text, { value: text, [text]: 1, deep: [{ [text]: text }], error: new Error(text) });
      const events = new Events();
      attachLog(events, log);
      events.emit('warning', { message: text });
      events.emit('task:claimed', { task_id: 1, task_type: text, attempt: 1 } as never);
      expect(lines).toHaveLength(3);
      for (const line of lines) {
        isOneLine(line, text);
        expect(line.length).toBeLessThan(200_000);
        if (format === 'json') expect(() => JSON.parse(line)).not.toThrow();
      }
    }
  });
});

describe('RB10 on a terminal', () => {
  it('each is one line of a table, a fact, an error, a log entry and the output of a handler', () => {
    for (const text of INJECTIONS) {
      isOneLine(printable(text), text);
      const failure = { code: 'E_FAILED' as const, exitCode: 1, message: text, suggestions: [text], data: {} };
      isPlain(renderFailure(failure, false), text);
      const names = { task_id: 1, task_type: text, attempt: 1, device_id: text };
      for (const entry of [
        { ...names, kind: 'line', time: '2026-11-28T00:00:00.000Z', stream: 'stdout', level: null, text },
        { ...names, kind: 'attempt' },
        { ...names, kind: 'attempt_end', status: text, error_message: text, cause: null },
        { ...names, kind: 'unreadable', message: text },
      ])
        isOneLine(renderLogEntry(entry as never, { colour: false, named: true }), text);
      isPlain(renderTable([{ header: 'A', value: (row: { a: string }) => row.a }], [{ a: text }], 80), text);
      const printed: string[] = [];
      const write = (line: string) => void printed.push(line);
      liveLog({ stdout: write, stderr: write, colour: false }).error(text, { [text]: text });
      liveLog({ stdout: write, stderr: write, colour: false }).info(text, { stream: 'stdout' });
      for (const line of printed) isOneLine(line.replaceAll('\t', ' '), text);
      isPlain(escapeInJson(JSON.stringify({ [text]: text })), text);
    }
  });

  it('each is one line of a task and of its list: type, device, error, message of its progress', () => {
    for (const text of INJECTIONS) {
      const task = taskOf(text);
      const lines = renderTask(task as never, { colour: false, width: 100 });
      isPlain(lines, text);
      expect(lines).not.toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z ERROR/m);
      isPlain(renderTasks([task] as never, { colour: false, width: 100 }), text);
    }
  });
});

function taskOf(text: string) {
  const progress = {
    ...{ done: 1, total: 2, message: text, metrics: { [text]: 1 }, speed: null, remaining_s: null, updated_at: text },
    ...{ peak_memory: null, cpu_ms: null, checkpoint: false },
  };
  const attempt = {
    ...{ assignment_id: 1, attempt: 1, device_id: text, status: text, assigned_at: text, started_at: text },
    ...{ completed_at: text, deadline_at: null, retry_count: 0, error_message: text, error_class: text, cause: text },
    ...{ revoked_at: null, revoke_outcome: null, revoked_by: text, result: { [text]: text }, progress },
  };
  const act = { id: 1, at: text, actor: text, source: text, action: 'tasks.cancel', reason: text, outcome: 'done' };
  return {
    ...{ task_id: 1, task_type: text, status: text, task_data: text, username: text, app_id: text, start_date: null },
    ...{ end_date: null, priority: 5, required_capabilities: { [text]: text }, retry_count: 0, max_retry_count: 3 },
    ...{ attempt: 1, lost_count: 0, dedupe_key: text, concurrency_key: text, target_device_id: text, device_id: text },
    ...{ execution_timeout: null, estimated_duration: null, parent_id: null, last_error: text, next_run_at: text },
    ...{ created_at: text, updated_at: text, finished_at: text, progress, result: { [text]: text } },
    ...{ payload: { [text]: text }, assignments: [attempt], more_acts: true, acts_note: null },
    waiting: { why: text, devices: [{ device_id: text, score: 1, reasons: [text] }] },
    acts: [{ ...act, request_id: text }],
  };
}
