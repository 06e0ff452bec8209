// What the storm's tasks do, and the ledger that they write outside of the database.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Files of a run's folder: the handlers, and an empty ledger. */
export async function writeHandlers(dir: string): Promise<void> {
  const ledger = join(dir, 'ledger.jsonl');
  await writeFile(ledger, '');
  await writeFile(join(dir, 'work.mjs'), workModule(ledger, dir));
  await writeFile(join(dir, 'shell.sh'), shellScript(ledger), { mode: 0o755 });
}

/** The file by whose presence the next module handler of a device blocks its process. */
export const blockFile = (dir: string, device: string): string => join(dir, `block.${device}`);

/** appendFileSync opens with O_APPEND and writes once: lines of many processes do not mix, and no kill cuts one. */
function workModule(ledger: string, dir: string): string {
  return `import { appendFileSync, readFileSync, renameSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

export default async (task, { signal, task_id, attempt, device_id, enqueue }) => {
  const { ms, fate, fails = 0 } = task.task_data;
  const note = (what, ms) =>
    appendFileSync(${JSON.stringify(ledger)}, JSON.stringify({ what, task: task_id, attempt, device: device_id,
      pid: process.pid, mono_ns: String(process.hrtime.bigint()), ms }) + '\\n');
  note('begin');
  const blocked = takeBlock(device_id);
  if (blocked > 0) {
    note('block', blocked);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, blocked);
    note('unblock');
  }
  if (fate === 'poison') process.kill(process.pid, 'SIGKILL');
  try {
    await pause(ms, undefined, { signal });
  } catch (error) {
    note('abort');
    throw error;
  }
  note('end');
  if (fate === 'hopeless' || (fate === 'fails' && task.retry_count < fails)) throw new Error('fails, as planned');
  if (fate === 'later' && attempt === 1) return { status: 'later', after: 0.3, message: 'not now, as planned' };
  if (fate === 'permanent') return { status: 'permanent', message: 'never, as planned' };
  if (fate === 'parent') enqueue([{ task_type: 'short', task_data: { ms: 5, fate: 'ok' }, dedupe_key: 'child-' + task_id }]);
  return { device_id, attempt };
};

/** The process that renames the file has it, and blocks its own event loop for that many milliseconds. */
function takeBlock(device) {
  const file = ${JSON.stringify(join(dir, 'block.'))} + device;
  try {
    renameSync(file, file + '.' + process.pid);
  } catch (error) {
    if (error.code === 'ENOENT') return 0;
    throw error;
  }
  return Number(readFileSync(file + '.' + process.pid, 'utf8'));
}
`;
}

function shellScript(ledger: string): string {
  return `#!/bin/sh
note() {
  read -r up _ </proc/uptime
  ns=$(echo "$up" | tr -d .)0000000
  echo "{\\"what\\":\\"$1\\",\\"task\\":$AFD_TASK_ID,\\"attempt\\":$AFD_ATTEMPT,\\"device\\":\\"$AFD_DEVICE_ID\\",\\"token\\":\\"$AFD_CLAIM_TOKEN\\",\\"pid\\":$$,\\"mono_ns\\":\\"$ns\\"}" >>'${ledger}'
}
note begin
sleep 0.2
note end
`;
}
