import { readFile } from 'node:fs/promises';

/**
 * How many processes of this control group the kernel has killed for memory; of the whole machine where there is no
 * control group of version 2; undefined where neither can be read. Compared before and after a command that ended by
 * SIGKILL: nothing else distinguishes the kernel's SIGKILL from a person's.
 */
export async function oomKills(): Promise<number | undefined> {
  const own = /^0::(\/.*)$/m.exec(await text('/proc/self/cgroup'))?.[1];
  const events = own === undefined ? '' : await text(`/sys/fs/cgroup${own}/memory.events`);
  const count = /^oom_kill (\d+)$/m.exec(events) ?? /^oom_kill (\d+)$/m.exec(await text('/proc/vmstat'));
  return count === null ? undefined : Number(count[1]);
}

/** True when a runtime said on its way out that its own heap was full (V8 aborts, Python raises). */
export function saysOutOfMemory(stderr: string): boolean {
  return /JavaScript heap out of memory|^MemoryError\b|java\.lang\.OutOfMemoryError/m.test(stderr);
}

function text(file: string): Promise<string> {
  return readFile(file, 'latin1').catch(() => '');
}
