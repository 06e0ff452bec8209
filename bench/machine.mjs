// What the figures were measured on.
import { cpus, loadavg, release, totalmem, type } from 'node:os';

/** One sentence. The load average tells whether others used the machine too. */
export function machine() {
  const model = cpus()[0]?.model.trim() || 'unknown processor';
  const [load] = loadavg();
  return `${cpus().length} × ${model}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${type()} ${release()}, Node ${process.versions.node}; load average before the run ${load.toFixed(1)}`;
}
