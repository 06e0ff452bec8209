// What the figures were measured on.
import { cpus, loadavg, release, totalmem, type } from 'node:os';

/** One sentence. The load average tells whether others used the machine too; then figures are low and only ratios mean something. */
export function machine() {
  const model = cpus()[0]?.model.trim() || 'unknown processor';
  const [load] = loadavg();
  // What a distribution or a host adds to the number says nothing about speed.
  const [kernel] = release().split('-');
  const busy = load > cpus().length ? ', so others were using the machine and only the ratios mean something' : '';
  return `${cpus().length} × ${model}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${type()} ${kernel}, Node ${process.versions.node}; load average before the run ${load.toFixed(1)}${busy}`;
}
