// One step of the plan, done to the fleet. What lasts is undone by itself after its time; `heal` undoes everything at once.
import { rename, rm, writeFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { DatabaseError } from '../../src/core/db/database-error.ts';
import { setOperatorState } from '../../src/core/db/devices/set-operator-state.ts';
import { getLeader } from '../../src/core/db/leader/get-leader.ts';
import { resignLeader } from '../../src/core/db/leader/resign-leader.ts';
import type { Session } from '../../src/core/db/session.ts';
import type { ChaosFleet } from './fleet.ts';
import { blockFile } from './handlers.ts';
import type { Entry } from './history.ts';
import type { NodeProcess } from './node-process.ts';
import { OPERATOR, operate } from './operators.ts';
import { patiently } from './patiently.ts';
import { type FaultKind, isToMembers, type Step } from './plan.ts';
import { PRODUCERS } from './producers.ts';
import type { ChaosServer } from './server.ts';
import { hasGlobal, isGlobal, killQueries, withGlobals } from './server-faults.ts';
import { Strangers } from './strangers.ts';

/** `undo` is called after `ms` milliseconds, or when the storm is to be over. */
export type Last = (ms: number, undo: () => unknown) => void;

export class Faults {
  readonly #fleet: ChaosFleet;
  readonly #server: ChaosServer;
  readonly #lasting = new Set<Promise<void>>();
  readonly #operator: Session;
  readonly #strangers: Strangers;
  #healing = false;
  /** One thing at a time is done to the database. */
  #databaseAway: Promise<void> = Promise.resolve();
  #failure: unknown;
  #bootedAt = 0;
  readonly counts: Partial<Record<FaultKind, number>> = {};

  constructor(fleet: ChaosFleet, server: ChaosServer) {
    this.#fleet = fleet;
    this.#server = server;
    this.#operator = fleet.session(OPERATOR);
    this.#strangers = new Strangers(fleet);
  }

  /** Does one step. What the database refuses while it is away itself is no failure of the storm. */
  async step(step: Step): Promise<void> {
    const { kind } = step;
    this.#note('invoke', kind, { step: step.n });
    try {
      if (isGlobal(kind) && !hasGlobal(kind, this.#server.kind)) {
        this.#note('info', kind, { step: step.n, message: `a ${this.#server.kind} has no such setting` });
        return;
      }
      await this.#do(step);
      this.counts[kind] = (this.counts[kind] ?? 0) + 1;
    } catch (error) {
      if (!(error instanceof DatabaseError)) throw error;
      this.#note('info', kind, { step: step.n, message: error.message });
    }
  }

  /** What lasts is over, also where the storm was broken off. */
  async undo(): Promise<void> {
    this.#healing = true;
    while (this.#lasting.size > 0) await Promise.all(this.#lasting);
  }

  /** Everything runs and everything passes. */
  async heal(): Promise<void> {
    await this.undo();
    if (this.#failure !== undefined) throw this.#failure;
    for (const proxy of this.#fleet.proxies.values()) {
      proxy.slow(0);
      proxy.cutNextCommit(undefined);
      proxy.thaw();
    }
    for (const node of this.#fleet.nodes) if (node.stopped) node.signal('SIGCONT');
    await this.#operator.close();
    await this.#strangers.close();
    const { admin, names } = this.#fleet;
    await patiently(async () => {
      await admin.ready();
      await admin.write(`UPDATE ${names.device} SET operator_state = 'active'`);
    });
  }

  async #do(step: Step): Promise<void> {
    const { kind } = step;
    if (kind.endsWith('-database') || isToMembers(kind) || isGlobal(kind)) return this.#toDatabase(step);
    if (kind === 'kill-query') return this.#keep(this.#killQueries(step));
    if (kind.startsWith('block-')) return this.#block(step);
    if (kind === 'odd-row' || kind === 'foreign-reset' || kind.startsWith('lock-'))
      return this.#strangers.step(step, this.#last);
    if (kind === 'kill-worker' || kind === 'stop-worker') return this.#toNode(this.#aim(step, 'worker'), step, false);
    if (kind.endsWith('-gateway')) {
      const some = this.#fleet.nodes.some((one) => one.role === 'gateway');
      return some ? this.#toNode(this.#aim(step, 'gateway'), step, false) : undefined;
    }
    if (kind === 'kill-leader' || kind === 'stop-leader') {
      const leader = await this.#leader();
      return this.#toNode(leader ?? this.#aim(step, 'leader'), step, leader !== undefined);
    }
    if (kind === 'kill-connection') return this.#killConnection(step);
    if (kind === 'pause-device') return this.#pauseDevice(step);
    if (kind === 'resign-leader') return this.#resign();
    const network = ['reset', 'freeze-up', 'freeze-down', 'half-open', 'latency'];
    if (network.includes(kind) || kind.startsWith('cut-')) return this.#toNetwork(step);
    await this.#operator.ready();
    return operate(this.#fleet, this.#operator, step);
  }

  #note(type: Entry['type'], f: string, more: Record<string, unknown>): void {
    this.#fleet.history.note({ proc: 'storm', type, f, ...more });
  }

  /** Runs on in the background; a heal waits for it and cuts its time short. */
  readonly #last: Last = (ms, undo) => this.#keep(this.#time(ms).then(undo));

  /** Resolves after `ms` milliseconds, or when the storm is to be over. */
  async #time(ms: number): Promise<void> {
    const end = performance.now() + ms;
    while (performance.now() < end && !this.#healing) await pause(Math.min(20, Math.max(1, end - performance.now())));
  }

  /** The heal reports what fails in the background. */
  #keep(lasting: Promise<unknown>): void {
    const kept = lasting
      .catch((error: unknown) => {
        this.#failure ??= error;
      })
      .then(() => void this.#lasting.delete(kept));
    this.#lasting.add(kept);
  }

  #aim({ aim }: Step, role: NodeProcess['role']): NodeProcess {
    const all = this.#fleet.nodes.filter((one) => one.role === role);
    const fit = all.filter((one) => one.running && !one.stopped);
    const from = fit.length > 0 ? fit : all;
    return from[Math.floor(aim * from.length)]!;
  }

  async #leader(): Promise<NodeProcess | undefined> {
    await this.#operator.ready();
    const { device_id } = await getLeader(this.#operator, this.#fleet.names);
    return this.#fleet.nodes.find((one) => one.id === device_id && one.running);
  }

  #toNode(node: NodeProcess, { kind, ms }: Step, led: boolean): void {
    if (kind.startsWith('kill')) {
      node.signal('SIGCONT');
      node.kill(ms);
      this.#note('ok', 'kill', { victim: node.id, led });
      return;
    }
    node.signal('SIGSTOP');
    this.#note('ok', 'stop', { victim: node.id, led, ms });
    this.#last(ms, () => node.signal('SIGCONT'));
  }

  /** After what is done to it already; the other steps go on meanwhile. */
  async #toDatabase(step: Step): Promise<void> {
    await this.#databaseAway.catch(() => {});
    this.#databaseAway = this.#away(step);
    this.#keep(this.#databaseAway);
  }

  async #away({ kind, ms }: Step): Promise<void> {
    const [server, fleet, victim] = [this.#server, this.#fleet, 'database'];
    if (isGlobal(kind)) {
      this.#note('ok', 'globals', { victim, kind });
      await withGlobals(server, kind, () => this.#time(ms));
      this.#note('info', 'globals', { victim, kind });
    } else if (isToMembers(kind)) {
      const hit = kind === 'stop-majority' ? victim : 'member';
      this.#note('ok', 'stop', { victim: hit, kind, ms });
      if ((await server.hurt?.(kind, ms)) !== true) return;
      this.#note('info', 'mended', { victim: hit, kind });
      await fleet.noteBoot(false);
    } else if (kind === 'stop-database') {
      await server.pause();
      this.#note('ok', 'stop', { victim, ms });
      await pause(ms);
      await server.resume();
    } else if (kind === 'switch-database') {
      const begun = performance.now();
      this.#note('info', 'move', { victim });
      let restarted = false;
      await server.move?.((member) => {
        restarted = true;
        fleet.nextEpoch(member);
      });
      this.#note('ok', 'stop', { victim, ms: 0, took: Math.round(performance.now() - begun) });
      if (restarted) await fleet.noteBoot(false);
    } else {
      const killed = await server.kill();
      fleet.nextEpoch(killed);
      this.#note('ok', 'kill', { victim });
      if (server.replaced !== undefined) {
        await server.replaced(killed);
        fleet.history.note({ proc: 'database', type: 'ok', f: 'database-up', restart: true });
      }
      // Events are numbered by the second of the server's start: no two starts in one.
      await pause(Math.max(ms, this.#bootedAt + 2100 - performance.now()));
      this.#bootedAt = performance.now();
      await server.start();
      await fleet.noteBoot(server.replaced === undefined);
    }
  }

  #toNetwork({ kind, ms, aim }: Step): void {
    // Producers too: an enqueue that was committed and not answered is sent again, or given up.
    const producers = PRODUCERS.map((id) => ({ id, proxies: [this.#fleet.proxies.get(id)!] }));
    const all = [...this.#fleet.nodes.filter((one) => one.running && !one.stopped), ...producers];
    const at = aim * all.length;
    const { id, proxies } = all[Math.floor(at)]!;
    const proxy = proxies[Math.floor((at % 1) * proxies.length)]!;
    this.#note('ok', kind, { victim: id, ms });
    const acts: Partial<Record<FaultKind, () => void>> = {
      reset: () => proxy.reset(),
      latency: () => proxy.slow(5 + Math.round(aim * 300)),
      'half-open': () => proxy.halfOpen(),
      'freeze-up': () => proxy.freeze('up'),
      'freeze-down': () => proxy.freeze('down'),
      'cut-before-commit': () => proxy.cutNextCommit('before'),
      'cut-commit-sent': () => proxy.cutNextCommit('sent'),
      'cut-commit-answered': () => proxy.cutNextCommit('answered'),
    };
    acts[kind]!();
    if (kind === 'latency') this.#last(ms, () => proxy.slow(0));
    if (kind === 'half-open') this.#last(ms, () => proxy.reset());
    if (kind.startsWith('freeze')) this.#last(ms, () => proxy.thaw());
  }

  /**
   * A handler does not come back to its event loop, and holds up its whole process: on a worker, on the one that leads, on
   * both. The next module handler of each victim blocks, unless none has begun in time.
   */
  async #block({ kind, ms, aim }: Step): Promise<void> {
    const workers = this.#fleet.nodes.filter((one) => one.role === 'worker');
    const victims = new Set<NodeProcess>();
    if (kind !== 'block-worker') victims.add(await this.#leadingWorker(workers));
    if (kind !== 'block-leader') victims.add(workers[Math.floor(aim * workers.length)]!);
    for (const { id } of victims) {
      const file = blockFile(this.#fleet.dir, id);
      await writeFile(`${file}.new`, String(ms));
      await rename(`${file}.new`, file);
      this.#note('ok', 'block', { victim: id, ms });
      this.#last(ms, () => rm(file, { force: true }));
    }
  }

  /** A device that runs no tasks is made to resign first; then its successor gets a little time. */
  async #leadingWorker(workers: NodeProcess[]): Promise<NodeProcess> {
    for (let tries = 0; tries < 20; tries += 1) {
      const now = await this.#leader();
      if (now?.role === 'worker') return now;
      if (tries === 0 && now !== undefined) await this.#resign();
      await pause(100);
    }
    return workers[0]!;
  }

  async #killQueries(step: Step): Promise<void> {
    const end = performance.now() + step.ms;
    const over = () => this.#healing || performance.now() > end;
    try {
      const killed = await killQueries(this.#server, this.#fleet, step, over);
      this.#note('ok', 'kill-query', { step: step.n, killed });
    } catch (error) {
      // The database went away: another fault's doing.
      this.#note('info', 'kill-query', { step: step.n, message: String(error) });
    }
  }

  /** The server itself ends a connection of the fleet, in the middle of whatever it does. */
  async #killConnection({ aim }: Step): Promise<void> {
    await this.#operator.ready();
    const rows = await this.#operator.rows<{ id: number }>(
      `SELECT ID AS id FROM information_schema.PROCESSLIST WHERE DB = ? AND ID <> CONNECTION_ID() ORDER BY ID`,
      [this.#fleet.schema],
    );
    const victim = rows[Math.floor(aim * rows.length)];
    // It may have ended by itself meanwhile.
    if (victim !== undefined) await this.#operator.write(`KILL ${victim.id}`).catch(() => {});
  }

  async #pauseDevice(step: Step): Promise<void> {
    const { id } = this.#aim(step, 'worker');
    const set = async (state: 'paused' | 'active') => {
      await this.#operator.ready();
      await setOperatorState(this.#operator, this.#fleet.names, id, state);
    };
    await set('paused');
    this.#last(step.ms, () =>
      set('active').catch((error: unknown) => {
        // The heal makes all devices active.
        if (!(error instanceof DatabaseError)) throw error;
      }),
    );
  }

  async #resign(): Promise<void> {
    await this.#operator.ready();
    const { device_id, term } = await getLeader(this.#operator, this.#fleet.names);
    if (device_id !== null) await resignLeader(this.#operator, this.#fleet.names, { device_id, term });
  }
}
