// What the figures were measured on.
import { cpus, release, totalmem, type } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';

const LISTEN_MS = 1000;
/** More than this share of the processors used by others makes figures low: then only ratios mean something. */
const QUIET = 0.1;

/** One sentence. Listens for a second before anything runs: what is used then is used by others. */
export async function machine() {
  const model = cpus()[0]?.model.trim() || 'unknown processor';
  const before = used();
  await pause(LISTEN_MS);
  const after = used();
  const share = (after.busy - before.busy) / Math.max(1, after.all - before.all);
  const others = `others used ${Math.round(share * 100)} % of the processors before the run`;
  const so = share > QUIET ? ', so only the ratios mean something' : '';
  // What a distribution or a host adds to the number says nothing about speed.
  const [kernel] = release().split('-');
  const size = `${cpus().length} × ${model}, ${Math.round(totalmem() / 2 ** 30)} GiB`;
  return `${size}, ${type()} ${kernel}, Node ${process.versions.node}; ${others}${so}`;
}

function used() {
  const times = cpus().map((one) => one.times);
  const all = times.reduce((sum, one) => sum + one.user + one.nice + one.sys + one.idle + one.irq, 0);
  return { all, busy: all - times.reduce((sum, one) => sum + one.idle, 0) };
}
