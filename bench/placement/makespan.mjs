// How long a backlog of all types takes when every device claims for itself. Which lane a device claims from is decided
// by afd's own lane catalog.
import { ableCounter } from '../../dist/core/domain/placement/scarce-first.js';
import { LaneCatalog } from '../../dist/core/worker/claim/lane-catalog.js';
import { Clockwork, randomFrom } from './clockwork.mjs';
import { backlog, DEVICES, TYPES, viewOf } from './fleet.mjs';

const CLAIM_MS = 4;
const MOST_SOURCES = 4;

/** `scarce`: whether the lanes say how many devices can run them. Returns milliseconds, and what no order can beat. */
export function makespan({ tasks, seed, scarce }) {
  const clock = new Clockwork();
  const work = backlog(randomFrom(seed * 104_729), tasks);
  const tieBreaker = randomFrom(seed * 7919);
  const lanes = new Map(TYPES.map((type) => [type, work.filter((task) => task.type === type)]));
  const able = ableCounter(DEVICES.map(viewOf));
  const published = TYPES.map((type) => ({
    lane: Buffer.from(type.padEnd(16)),
    claim_rank: 5,
    task_type: type,
    required_capabilities: null,
    able: scarce ? able({ task_type: type, required_capabilities: null }) : null,
  }));
  let last = 0;
  let ended = 0;
  for (const device of DEVICES) {
    const catalog = new LaneCatalog(device.device_id, { supported_tasks: device.types }, undefined, tieBreaker);
    catalog.learn(published, true);
    let running = 0;
    let claiming = false;
    const claim = () => {
      claiming = false;
      for (const source of catalog.sources(MOST_SOURCES, { free: device.slots - running })) {
        const asked = device.slots - running;
        if (asked === 0) break;
        const got = lanes.get(source.lane.toString().trim()).splice(0, asked);
        const rows = got.map((_, n) => ({ due_at: '2026-01-01', id: n }));
        catalog.noteYield(source, got.length < asked, rows);
        running += got.length;
        for (const task of got) {
          clock.after(task.work / device.speed, () => {
            running -= 1;
            last = clock.now;
            ended += 1;
            later();
          });
        }
      }
      if (running < device.slots && catalog.sources(1, { free: device.slots - running }).length > 0) later();
    };
    const later = () => {
      if (claiming) return;
      claiming = true;
      clock.after(CLAIM_MS, claim);
    };
    later();
  }
  clock.run();
  if (ended !== tasks) throw new Error(`${tasks} tasks, and ${ended} of them ended`);
  return { ms: last, bound: lowerBound(work) };
}

/** All work over all speed; or what d2 cannot run over the speed of the others. */
function lowerBound(work) {
  const speed = (devices) => devices.reduce((sum, one) => sum + one.slots * one.speed, 0);
  const total = (tasks) => tasks.reduce((sum, one) => sum + one.work, 0);
  const rest = work.filter((task) => !DEVICES[1].types.includes(task.type));
  return Math.max(total(work) / speed(DEVICES), total(rest) / speed(DEVICES.filter((_, n) => n !== 1)));
}
