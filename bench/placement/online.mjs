// Tasks that arrive one by one: who runs them, and how long they wait. The placing is afd's own code; network, database
// and devices are simulated.
import { placeTasks, rankDevices } from '../../dist/core/domain/placement/place-tasks.js';
import { Clockwork, exponential, randomFrom } from './clockwork.mjs';
import { arrivals, DEVICES, laneOf, viewOf } from './fleet.mjs';

/** From the ring to the claim: a network, a wake-up, two round trips. And back, to the one who rang. */
const CLAIM_MS = 3;
const CLAIM_SPREAD_MS = 1;
const ACK_MS = 1;
const ROWS_EVERY_MS = 1000;
const POLL_MS = 1000;
const HEARTBEAT_MS = 10_000;
const RECENT_WINDOW_MS = 60_000;
/** Least milliseconds between two reports of a device to the senders that rang it lately. */
const STATE_EVERY_MS = 100;
const STATE_FOR_MS = 5000;
const MORE_RINGS = 2;

class Device {
  running = 0;
  started = 0;
  /** Ends of the claims of the last minute, oldest first. */
  #claims = [];
  constructor(facts) {
    Object.assign(this, facts);
    this.wasFull = false;
  }
  recent_claims(now) {
    while (this.#claims.length > 0 && this.#claims[0] <= now - RECENT_WINDOW_MS) this.#claims.shift();
    return this.#claims.length;
  }
  claimed(now) {
    this.running += 1;
    this.started += 1;
    this.#claims.push(now);
  }
}

/**
 * `how`: {kind: 'omniscient'} | {kind: 'poll'} | {kind: 'ring', senders, states, fresh}. `states`: whether devices tell
 * their state to those who rang them lately. `fresh`: milliseconds; older rows are read with the insert of the task;
 * without it they are read once a second.
 * `ties`: 'random' as afd does it, 'name' = every placer takes the same of equal devices.
 */
export function simulate({ policy, load, tasks, seed, how, ties = 'random' }) {
  const random = randomFrom(seed);
  const clock = new Clockwork();
  const work = arrivals(randomFrom(seed * 7919), load, tasks);
  const devices = DEVICES.map((one) => new Device(one));
  const byId = new Map(devices.map((one) => [one.device_id, one]));
  const queue = [];
  const waits = [];
  let claims = 0;

  const start = (device, task) => {
    device.claimed(clock.now);
    waits.push(clock.now - task.at);
    clock.after(task.work / device.speed, () => end(device));
    tell(device);
  };
  /** One claim: the oldest tasks that it may run, for its free slots. Returns how many it got. */
  const claim = (device) => {
    claims += 1;
    let got = 0;
    for (let n = 0; n < queue.length && device.running < device.slots; ) {
      if (!device.types.includes(queue[n].type)) {
        n += 1;
        continue;
      }
      const [task] = queue.splice(n, 1);
      start(device, task);
      got += 1;
    }
    device.wasFull = device.running >= device.slots;
    return got;
  };
  const end = (device) => {
    const full = device.running >= device.slots || device.wasFull;
    device.running -= 1;
    tell(device);
    if (how.kind === 'omniscient' || full) claim(device);
  };

  // What devices tell those who rang them lately.
  const listeners = new Map(devices.map((one) => [one, new Map()]));
  const tell = (device) => {
    if (how.kind !== 'ring' || !how.states) return;
    for (const [sender, heard] of listeners.get(device)) {
      if (clock.now - heard.rang > STATE_FOR_MS || heard.planned) continue;
      heard.planned = true;
      clock.at(Math.max(clock.now, heard.told + STATE_EVERY_MS), () => {
        heard.planned = false;
        heard.told = clock.now;
        const { running } = device;
        clock.after(ACK_MS, () => sender.hears(device.device_id, running));
      });
    }
  };

  const salt = (turn) => (ties === 'random' ? `${seed}/${turn}` : '');
  let placed = 0;
  const exactly = () =>
    devices.map((one) => ({ ...viewOf(one), running: one.running, recent_claims: one.recent_claims(clock.now) }));

  const senders = how.kind === 'ring' ? Array.from({ length: how.senders }, makeSender) : [];
  function makeSender() {
    const views = new Map(devices.map((one) => [one.device_id, { ...viewOf(one), flying: 0, rung: 0 }]));
    const sender = {
      hears(id, running) {
        const view = views.get(id);
        view.running = running + view.flying;
      },
      offer(task, tried) {
        if (how.fresh !== undefined && clock.now - readAt > how.fresh) read();
        const known = [...views.values()].filter((one) => !tried.has(one.device_id));
        const lane = laneOf(task);
        placed += 1;
        const [id] =
          tried.size === 0
            ? placeTasks(lane, 1, known, policy, salt(placed)).keys()
            : rankDevices(lane, known, policy, salt(placed)).map((one) => one.device_id);
        if (id === undefined) return;
        tried.add(id);
        const view = views.get(id);
        const device = byId.get(id);
        view.running += 1;
        view.recent_claims += 1;
        view.rung += 1;
        view.flying += 1;
        const heard = listeners.get(device);
        if (!heard.has(sender)) heard.set(sender, { told: 0, planned: false });
        clock.after(CLAIM_MS + exponential(random, CLAIM_SPREAD_MS), () => {
          heard.get(sender).rang = clock.now;
          const got = device.running < device.slots ? claim(device) : 0;
          const { running } = device;
          clock.after(ACK_MS, () => {
            view.flying -= 1;
            sender.hears(id, running);
            if (got === 0 && tried.size <= MORE_RINGS && queue.includes(task)) sender.offer(task, tried);
          });
        });
      },
    };
    // Its device rows, and what heartbeats said of the turns; since then it knows its own.
    let readAt = Number.NEGATIVE_INFINITY;
    const read = () => {
      readAt = clock.now;
      for (const device of devices) sender.hears(device.device_id, device.running);
    };
    const rows = () => {
      read();
      if (left > 0) clock.after(ROWS_EVERY_MS, rows);
    };
    if (how.fresh === undefined) clock.at(random() * ROWS_EVERY_MS, rows);
    for (const device of devices) {
      const beat = () => {
        const view = views.get(device.device_id);
        view.recent_claims = device.recent_claims(clock.now);
        view.rung = 0;
        if (left > 0) clock.after(HEARTBEAT_MS, beat);
      };
      clock.at(random() * HEARTBEAT_MS, beat);
    }
    return sender;
  }

  let left = tasks;
  for (const task of work) {
    clock.at(task.at, () => {
      left -= 1;
      queue.push(task);
      if (how.kind === 'ring') senders[Math.floor(random() * senders.length)].offer(task, new Set());
      else if (how.kind === 'omniscient') {
        placed += 1;
        const [id] = placeTasks(laneOf(task), 1, exactly(), policy, salt(placed)).keys();
        const device = byId.get(id);
        if (device.running < device.slots) start(device, queue.splice(queue.indexOf(task), 1)[0]);
      }
    });
  }
  if (how.kind !== 'omniscient') {
    for (const device of devices) {
      const poll = () => {
        if (device.running < device.slots && queue.length > 0) claim(device);
        if (left > 0 || queue.length > 0) clock.after(POLL_MS, poll);
      };
      clock.at(random() * POLL_MS, poll);
    }
  }
  clock.run();
  if (waits.length !== tasks) throw new Error(`${tasks} tasks, and ${waits.length} of them started`);
  waits.sort((a, b) => a - b);
  const at = (share) => waits[Math.min(waits.length - 1, Math.floor(waits.length * share))];
  return {
    shares: devices.map((one) => one.started / tasks),
    p50: at(0.5),
    p99: at(0.99),
    claims: claims / tasks,
  };
}

/** The share of tasks that would have to move for the two to be the same. */
export function distance(a, b) {
  return a.reduce((sum, share, n) => sum + Math.abs(share - b[n]), 0) / 2;
}
