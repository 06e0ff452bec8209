// RB10: two hundred texts that try to write a second line, move the cursor of a terminal or reverse the text beside
// them. Each is one line of a log, and of what commands print.
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
  ...['[31mred', '[2J[H', '[1A[2K', '[?1049h', '[6n', '[8m', '[200~rm -rf /[201~', '[>0c', '[21t', '[5i', '[999D'],
  ...[
    ']0;title\u0007',
    ']8;;https://evil.example\u001b\\link\u001b]8;;\u001b\\',
    ']8;;file:///etc/passwd\u0007x\u001b]8;;\u0007',
  ],
  ...[']52;c;cm0gLXJmIC8K\u0007', ']52;c;?\u0007', ']4;1;rgb:0/0/0\u001b\\', ']10;?\u0007', ']1337;File=:AAAA\u0007'],
  ...[
    'P+q544e\u001b\\',
    'P$q"p\u001b\\',
    '_Gf=24;AAAA\u001b\\',
    '^privacy\u001b\\',
    'Xstring\u001b\\',
    'c',
    '7\u001b8',
    '#8',
  ],
  ...['(0', 'N', 'O', 'M', 'D', 'E', '=', '>', '%G', 'Z', '[', ']', ''],
].map((one) => `\u001b${one}`);
const LINES = ['\n', '\r', '\r\n', '\n\r', '\u0085', '\u2028', '\u2029', '\v', '\f', '\u001e', '\u0000\n'].flatMap(
  (end) => [`${end}${FORGED}`, `ok${end}{"level":"error","message":"forged"}`, `ok"${end}level=error`],
);
const ODD = [
  ...['\ud800', 'a\udc00b', '\ud83d', '\ufeff\ufeff', '\u{e0041}\u{e0042}', '\u200b\u200b', 'e\u0301'.repeat(500)],
  ...[
    '\u009b31m',
    '\u009d0;t\u009c',
    '\u0090x\u009c',
    '\u202egpj.exe',
    '\u2066a\u202eb\u2069',
    '\u202a\u202b\u202d',
    'a\bb\b\b',
  ],
  ...[
    '%1b[31m',
    '\\u001b[31m',
    '\\n2026 ERROR',
    ['$', '{jndi:ldap://x}'].join(''),
    '%s%n%x',
    '"}\n{"a":"',
    '</script><script>',
    'a\tb',
  ],
  ...[
    Buffer.from([0x61, 0xff, 0xfe, 0x1b, 0x5b, 0x6d, 0xc3]).toString('utf8'),
    Buffer.from([0xe2, 0x80, 0x9b, 0x9b]).toString('latin1'),
  ],
  ...[`${'x'.repeat(100_000)}\u001b[2J`, '\u001b'.repeat(10_000), `${'\n'.repeat(5000)}end`, '\u202e'.repeat(9000)],
];
const INJECTIONS = [
  ...new Set([
    ...[...CONTROLS, ...MARKS].map((code) => `a${String.fromCharCode(code)}b`),
    ...SEQUENCES,
    ...LINES,
    ...ODD,
    ...SEQUENCES.slice(0, 25).map((one) => `${FORGED}${one}\n${FORGED}`),
  ]),
];

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const RAW = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
/** One line, its end, and nothing in it that a terminal obeys. */
function isOneLine(text: string, what: string): void {
  expect(RAW.exec(text)?.[0], what).toBeUndefined();
  expect(text.trimEnd().includes('\n'), what).toBe(false);
}

it('RB10 there are two hundred of them', () => {
  expect(INJECTIONS.length).toBeGreaterThanOrEqual(200);
});

describe.each(['text', 'json'] as const)('RB10 in a log of %s', (format) => {
  it('each is one line, as a message, a field, a key, a device, and in an event', () => {
    for (const text of INJECTIONS) {
      const lines: string[] = [];
      const log = createLog({
        level: 'debug',
        format,
        stream: { write: (line) => lines.push(line) },
        deviceId: text.slice(0, 64),
      });
      log.warn(text, { value: text, [text]: 1, deep: [{ [text]: text }], error: new Error(text) });
      const events = new Events();
      attachLog(events, log);
      events.emit('warning', { message: text });
      events.emit('task:claimed', { task_id: 1, task_type: text, attempt: 1 } as never);
      expect(lines).toHaveLength(3);
      for (const line of lines) {
        isOneLine(line, JSON.stringify(text).slice(0, 80));
        expect(line.length).toBeLessThan(200_000);
        if (format === 'json') expect(() => JSON.parse(line)).not.toThrow();
      }
    }
  });
});

describe('RB10 on a terminal', () => {
  it('each is one line of a table, a fact, an error, a log entry and the output of a handler', () => {
    for (const text of INJECTIONS) {
      const what = JSON.stringify(text).slice(0, 80);
      isOneLine(printable(text), what);
      const failure = { code: 'E_FAILED' as const, exitCode: 1, message: text, suggestions: [text], data: {} };
      expect(RAW.exec(renderFailure(failure, false))?.[0], what).toBeUndefined();
      const names = { task_id: 1, task_type: text, attempt: 1, device_id: text };
      for (const entry of [
        { ...names, kind: 'line', time: '2026-11-28T00:00:00.000Z', stream: 'stdout', level: null, text },
        { ...names, kind: 'attempt' },
        { ...names, kind: 'attempt_end', status: text, error_message: text, cause: null },
        { ...names, kind: 'unreadable', message: text },
      ])
        isOneLine(renderLogEntry(entry as never, { colour: false, named: true }), what);
      const table = renderTable([{ header: 'A', value: (row: { a: string }) => row.a }], [{ a: text }], 80);
      expect(RAW.exec(table)?.[0], what).toBeUndefined();
      const printed: string[] = [];
      const write = (line: string) => void printed.push(line);
      liveLog({ stdout: write, stderr: write, colour: false }).error(text, { [text]: text });
      liveLog({ stdout: write, stderr: write, colour: false }).info(text, { stream: 'stdout' });
      for (const line of printed) isOneLine(line.replaceAll('\t', ' '), what);
      expect(RAW.exec(escapeInJson(JSON.stringify({ [text]: text })))?.[0], what).toBeUndefined();
    }
  });

  it('each is one line of a task and of its list: type, device, error, message of its progress', () => {
    for (const text of INJECTIONS) {
      const task = taskOf(text);
      const what = JSON.stringify(text).slice(0, 80);
      const lines = renderTask(task as never, { colour: false, width: 100 });
      expect(RAW.exec(lines)?.[0], what).toBeUndefined();
      expect(lines).not.toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z ERROR/m);
      expect(RAW.exec(renderTasks([task] as never, { colour: false, width: 100 }))?.[0], what).toBeUndefined();
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
  return {
    ...{ task_id: 1, task_type: text, status: text, task_data: text, username: text, app_id: text, start_date: null },
    ...{ end_date: null, priority: 5, required_capabilities: { [text]: text }, retry_count: 0, max_retry_count: 3 },
    ...{ attempt: 1, lost_count: 0, dedupe_key: text, concurrency_key: text, target_device_id: text, device_id: text },
    ...{ execution_timeout: null, estimated_duration: null, parent_id: null, last_error: text, next_run_at: text },
    ...{ created_at: text, updated_at: text, finished_at: text, progress, result: { [text]: text } },
    ...{
      payload: { [text]: text },
      assignments: [attempt],
      waiting: { why: text, devices: [{ device_id: text, score: 1, reasons: [text] }] },
      acts: [
        {
          id: 1,
          at: text,
          actor: text,
          source: text,
          action: 'tasks.cancel',
          reason: text,
          outcome: 'done',
          request_id: text,
        },
      ],
      ...{ more_acts: true, acts_note: null },
    },
  };
}
