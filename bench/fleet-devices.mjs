// A part of the devices of `bench/fleet.mjs` in one process: each with the liveness of a worker (its session, lock, heartbeats and ticks) and a writer
// finder of its own. Started by it, with what it needs as JSON in the environment; says what happens as lines of JSON.
import { performance } from 'node:perf_hooks';

const { address, first, count, perSecond } = JSON.parse(process.env.AFD_BENCH_FLEET);
const core = (path) => import(new URL(`../dist/core/${path}`, import.meta.url).href);
const { configSchema } = await core('config/config-schema.js');
const { livenessSettings } = await core('node/liveness-settings.js');
const { Liveness } = await core('node/liveness.js');
const { writerOf } = await core('writer/writer-finder.js');

const say = (line) =>
  process.stdout.write(`${JSON.stringify({ at: performance.timeOrigin + performance.now(), ...line })}\n`);
const all = new Map();
for (let n = first; n < first + count; n += 1) {
  const config = configSchema.parse({ worker: { device_id: `bench-${n}` } });
  // An address of its own has a finder of its own.
  const context = { config, address: structuredClone(address), resolved: {}, logFd: undefined };
  const settings = livenessSettings(
    context,
    { hostname: 'bench', version: '0.0.0', pid: process.pid },
    {
      ...{ deviceType: 'worker', capabilities: { supported_tasks: [] }, slots: 10, contend: false },
    },
  );
  begin(n, settings, context);
  await new Promise((resolve) => setTimeout(resolve, 1000 / perSecond));
}

/** A device that cannot start yet is started again, as by its supervisor. */
function begin(n, settings, context) {
  const one = new Liveness(settings, (report) => {
    const { kind } = report;
    const finder = writerOf(context.address);
    if (kind === 'settings' && report.devices !== undefined && finder !== undefined) finder.devices = report.devices;
    if (['registered', 'database-lost', 'database-back', 'trust-over'].includes(kind))
      say({ kind, device: n, message: report.message });
  });
  one.finished.catch(() => {});
  all.set(n, one);
  one.start().catch((error) => {
    say({ kind: 'failed', device: n, message: error.message });
    setTimeout(() => begin(n, settings, context), 500 + 1000 * Math.random());
  });
}

process.on('SIGTERM', async () => {
  await Promise.allSettled([...all.values()].map((one) => one.stop()));
  process.exit(0);
});
