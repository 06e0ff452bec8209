// The handlers of a fleet and what they write outside of the database: one line per execution, counted by those who executed.

/** What a handler wrote: `start`, then `end`, or `abort` when its signal ended it; `command` with the pid of a command. */
export interface LedgerLine {
  what: 'start' | 'end' | 'abort' | 'command';
  task_id: number;
  attempt: number;
  device_id: string;
  pid: number;
}

/** How often each task was begun, by the ledger: task id → executions. */
export function executions(ledger: LedgerLine[]): Map<number, number> {
  const begun = new Map<number, number>();
  for (const { what, task_id } of ledger) if (what === 'start') begun.set(task_id, (begun.get(task_id) ?? 0) + 1);
  return begun;
}

/** appendFileSync opens with O_APPEND and writes once: lines of many processes do not mix. */
export function workModule(dir: string, ledger: string): string {
  return `import { appendFileSync, existsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

export default async ({ task_data: { ms = 0, gate, deaf = false } }, { signal, task_id, attempt, device_id }) => {
  const note = (what) =>
    appendFileSync(${JSON.stringify(ledger)}, JSON.stringify({ what, task_id, attempt, device_id, pid: process.pid }) + '\\n');
  const obey = () => {
    if (deaf || !signal.aborted) return;
    note('abort');
    throw new Error('aborted: ' + signal.reason);
  };
  note('start');
  const end = performance.now() + ms;
  while (performance.now() < end) {
    await pause(Math.min(10, end - performance.now()));
    obey();
  }
  const file = ${JSON.stringify(`${dir}/`)} + gate;
  while (gate !== undefined && !existsSync(file) && !existsSync(file + '-' + device_id)) {
    await pause(10);
    obey();
  }
  note('end');
  return { device_id, attempt };
};
`;
}

export function commandScript(dir: string, ledger: string): string {
  return `#!/bin/sh
note() {
  echo "{\\"what\\":\\"$1\\",\\"task_id\\":$AFD_TASK_ID,\\"attempt\\":$AFD_ATTEMPT,\\"device_id\\":\\"$AFD_DEVICE_ID\\",\\"pid\\":$$}" >>'${ledger}'
}
note start
note command
while [ ! -e '${dir}/command' ]; do sleep 0.05; done
note end
`;
}
