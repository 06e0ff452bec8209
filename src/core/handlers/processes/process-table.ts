// What /proc tells of processes. All of it is read at once and not by the pool of threads: an entry takes 4 µs this way, and
// between a scan and a signal nothing else may happen.
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, statSync } from 'node:fs';
import { arch, endianness } from 'node:os';

export interface ProcessStat {
  pid: number;
  /** The first 15 bytes of the name of its program. */
  name: string;
  /** R, S, D, T, Z (a zombie) … */
  state: string;
  parent: number;
  /** Ticks from the start of the machine to its start: with the pid, the name of one process. */
  started: string;
  /** Of itself. */
  cpuTicks: number;
  /** Of the children that it has waited for, and of those that they have. */
  childTicks: number;
  /** Physical memory, in `residentBytes`. */
  residentUnits: number;
}

/** One line of numbers; the name in it has at most 15 bytes. */
const line = Buffer.allocUnsafe(2048);

/** The pids of all processes that can be seen, in rising order; empty where there is no /proc. */
export function processIds(): number[] {
  let names: string[];
  try {
    names = readdirSync('/proc');
  } catch {
    return [];
  }
  const found: number[] = [];
  for (const name of names) {
    const pid = Number(name);
    if (pid > 0) found.push(pid);
  }
  return found.sort((a, b) => a - b);
}

/** Undefined when there is no such process (any more), and where there is no /proc. */
export function processStat(pid: number | 'self'): ProcessStat | undefined {
  let text: string;
  try {
    const file = openSync(`/proc/${pid}/stat`, 'r');
    try {
      text = line.toString('latin1', 0, readSync(file, line, 0, line.length, 0));
    } finally {
      closeSync(file);
    }
  } catch {
    return undefined;
  }
  // "pid (name, which may hold anything) state ppid pgrp …": proc(5) counts from 1, and the state is the third.
  const end = text.lastIndexOf(')');
  const fields = text.slice(end + 2).split(' ');
  if (fields.length < 22) return undefined;
  const at = (number: number) => Number(fields[number - 3]);
  return {
    pid: Number.parseInt(text, 10),
    name: text.slice(text.indexOf('(') + 1, end),
    state: fields[0]!,
    parent: at(4),
    started: fields[22 - 3]!,
    cpuTicks: at(14) + at(15),
    childTicks: at(16) + at(17),
    residentUnits: at(24),
  };
}

/** True for one that still executes something; a zombie that nobody reaps does not. */
export function runs(stat: ProcessStat | undefined): stat is ProcessStat {
  return stat !== undefined && stat.state !== 'Z' && stat.state !== 'X';
}

/** The environment with which it began, `\0` before each entry; '' when it may not be read, and of a zombie. */
export function environmentOf(pid: number): string {
  try {
    return `\0${readFileSync(`/proc/${pid}/environ`, 'latin1')}`;
  } catch {
    return '';
  }
}

/** The value of a variable in what `environmentOf` returned. */
export function variableIn(environment: string, name: string): string | undefined {
  const start = environment.indexOf(`\0${name}=`);
  if (start < 0) return undefined;
  const from = start + name.length + 2;
  const end = environment.indexOf('\0', from);
  return environment.slice(from, end < 0 ? undefined : end);
}

/** The inode of its pid namespace; undefined when it may not be read. */
export function pidNamespace(pid: number | 'self'): string | undefined {
  try {
    return /^pid:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/ns/pid`))?.[1];
  } catch {
    return undefined;
  }
}

/** The user id that it runs as. */
export function userOf(pid: number | 'self'): number | undefined {
  try {
    return statSync(`/proc/${pid}`).uid;
  } catch {
    return undefined;
  }
}

export interface Units {
  /** Of one unit of memory. */
  residentBytes: number;
  ticksPerSecond: number;
}

/** In which /proc counts: the kernel says so in the auxiliary vector of each process. */
export function processUnits(): Units {
  const word = ['arm', 'ia32', 'mips', 'mipsel'].includes(arch()) ? 4 : 8;
  const little = endianness() === 'LE';
  const found = new Map<number, number>();
  let vector: Buffer;
  try {
    vector = readFileSync('/proc/self/auxv');
  } catch {
    vector = Buffer.alloc(0);
  }
  const number = (at: number) => {
    const low = little || word === 4 ? at : at + 4;
    return little ? vector.readUInt32LE(low) : vector.readUInt32BE(low);
  };
  for (let at = 0; at + 2 * word <= vector.length; at += 2 * word) found.set(number(at), number(at + word));
  // AT_PAGESZ, AT_CLKTCK.
  return { residentBytes: found.get(6) ?? 4096, ticksPerSecond: found.get(17) ?? 100 };
}
