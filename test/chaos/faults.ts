// One step of the plan, done to the fleet. What lasts is undone by itself after its time; `heal` undoes everything at once.
import { setTimeout as pause } from 'node:timers/promises';
import { DatabaseError } from '../../src/core/db/database-error.ts';
import { setOperatorState } from '../../src/core/db/devices/set-operator-state.ts';
import { getLeader } from '../../src/core/db/leader/get-leader.ts';
import { resignLeader } from '../../src/core/db/leader/resign-leader.ts';
import type { Session } from '../../src/core/db/session.ts';
import { block } from './block.ts';
import type { ChaosFleet } from './fleet.ts';
import type { NodeProcess } from './node-process.ts';
import { OPERATOR, operate } from './operators.ts';
import { patiently } from './patiently.ts';
import { type FaultKind, type MemberFault, type Step, TO_MEMBERS } from './plan.ts';
import { PRODUCERS } from './producers.ts';
import type { ChaosServer } from './server.ts';
import { hasGlobal, isGlobal, killQueries, withGlobals } from './server-faults.ts';
import { Strangers } from './strangers.ts';

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
    const line = { proc: 'storm', type: 'invoke' as const, f: step.kind, step: step.n };
    this.#fleet.history.note(line);
    try {
      if (isGlobal(step.kind) && !hasGlobal(step.kind, this.#server.kind)) {
        this.#fleet.history.note({ ...line, type: 'info', message: `a ${this.#server.kind} has no such setting` });
        return;
      }
      await this.#do(step);
      this.counts[step.kind] = (this.counts[step.kind] ?? 0) + 1;
    } catch (error) {
      if (!(error instanceof DatabaseError)) throw error;
      this.#fleet.history.note({ ...line, type: 'info', message: error.message });
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
    if (kind.endsWith('-database')) return this.#toDatabase(step);
    if (isToMembers(kind)) return this.#toMembers(kind, step.ms);
    if (isGlobal(kind)) return this.#setGlobals(step);
    if (kind === 'kill-query') return this.#killQueries(step);
    if (kind.startsWith('block-')) {
      const office = { leader: () => this.#leader(), resign: () => this.#resign() };
      return block(this.#fleet, step, office, (ms, undo) => this.#last(ms, undo));
    }
    if (kind === 'odd-row' || kind === 'foreign-reset' || kind.startsWith('lock-'))
      return this.#strangers.step(step, (ms, undo) => this.#last(ms, undo));
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

  /** Runs on in the background; a heal waits for it and cuts its time short. */
  #last(ms: number, undo: () => Promise<void> | void): void {
    const lasting = (async () => {
      await this.#time(ms);
      await undo();
    })();
    this.#keep(lasting);
  }

  /** Resolves after `ms` milliseconds, or when the storm is to be over. */
  async #time(ms: number): Promise<void> {
    const end = performance.now() + ms;
    while (performance.now() < end && !this.#healing) await pause(Math.min(20, Math.max(1, end - performance.now())));
  }

  /** The heal reports what fails in the background. */
  #keep(lasting: Promise<void>): void {
    const kept = lasting
      .catch((error: unknown) => {
        this.#failure ??= error;
      })
      .finally(() => this.#lasting.delete(kept));
    this.#lasting.add(kept);
  }

  #aim({ aim }: Step, role?: NodeProcess['role']): NodeProcess {
    const all = this.#fleet.nodes.filter((one) => role === undefined || one.role === role);
    const fit = all.filter((one) => one.running && !one.stopped);
    const from = fit.length > 0 ? fit : all;
    return from[Math.floor(aim * from.length)]!;
  }

  async #leader(): Promise<NodeProcess | undefined> {
    await this.#operator.ready();
    const { device_id } = await getLeader(this.#operator, this.#fleet.names);
    return this.#fleet.nodes.find((one) => one.id === device_id && one.running);
  }

  async #toNode(node: NodeProcess, { kind, ms }: Step, led: boolean): Promise<void> {
    const { history } = this.#fleet;
    if (kind.startsWith('kill')) {
      node.signal('SIGCONT');
      node.kill(ms);
      history.note({ proc: 'storm', type: 'ok', f: 'kill', victim: node.id, led });
      return;
    }
    node.signal('SIGSTOP');
    history.note({ proc: 'storm', type: 'ok', f: 'stop', victim: node.id, led, ms });
    this.#last(ms, () => node.signal('SIGCONT'));
  }

  async #toDatabase({ kind, ms }: Step): Promise<void> {
    await this.#databaseAway.catch(() => {});
    const { history } = this.#fleet;
    const away = async () => {
      if (kind === 'stop-database') {
        await this.#server.pause();
        history.note({ proc: 'storm', type: 'ok', f: 'stop', victim: 'database', ms });
        await pause(ms);
        await this.#server.resume();
        return;
      }
      if (kind === 'switch-database') {
        const begun = performance.now();
        history.note({ proc: 'storm', type: 'info', f: 'move', victim: 'database' });
        let restarted = false;
        await this.#server.move?.((member) => {
          restarted = true;
          this.#fleet.nextEpoch(member);
        });
        const took = Math.round(performance.now() - begun);
        history.note({ proc: 'storm', type: 'ok', f: 'stop', victim: 'database', ms: 0, took });
        if (restarted) await this.#fleet.noteBoot(false);
        return;
      }
      const killed = await this.#server.kill();
      this.#fleet.nextEpoch(killed);
      history.note({ proc: 'storm', type: 'ok', f: 'kill', victim: 'database' });
      if (this.#server.replaced !== undefined) {
        await this.#server.replaced(killed);
        history.note({ proc: 'database', type: 'ok', f: 'database-up', restart: true });
      }
      // Events are numbered by the second of the server's start: no two starts in one.
      await pause(Math.max(ms, this.#bootedAt + 2100 - performance.now()));
      this.#bootedAt = performance.now();
      await this.#server.start();
      await this.#fleet.noteBoot(this.#server.replaced === undefined);
    };
    // The other steps go on meanwhile.
    this.#databaseAway = away();
    this.#keep(this.#databaseAway);
  }

  async #toMembers(kind: MemberFault, ms: number): Promise<void> {
    await this.#databaseAway.catch(() => {});
    const { history } = this.#fleet;
    const away = async () => {
      const victim = kind === 'stop-majority' ? 'database' : 'member';
      history.note({ proc: 'storm', type: 'ok', f: 'stop', victim, kind, ms });
      if ((await this.#server.hurt?.(kind, ms)) !== true) return;
      history.note({ proc: 'storm', type: 'info', f: 'mended', victim, kind });
      await this.#fleet.noteBoot(false);
    };
    this.#databaseAway = away();
    this.#keep(this.#databaseAway);
  }

  #toNetwork(step: Step): void {
    // Producers too: an enqueue that was committed and not answered is sent again, or given up.
    const producers = PRODUCERS.map((id) => ({ id, proxies: [this.#fleet.proxies.get(id)!] }));
    const all = [...this.#fleet.nodes.filter((one) => one.running && !one.stopped), ...producers];
    const at = step.aim * all.length;
    const { id, proxies } = all[Math.floor(at)]!;
    const proxy = proxies[Math.floor((at % 1) * proxies.length)]!;
    const { kind, ms } = step;
    this.#fleet.history.note({ proc: 'storm', type: 'ok', f: kind, victim: id, ms });
    if (kind === 'reset') proxy.reset();
    else if (kind === 'latency') {
      proxy.slow(5 + Math.round(step.aim * 300));
      this.#last(ms, () => proxy.slow(0));
    } else if (kind === 'half-open') {
      proxy.halfOpen();
      this.#last(ms, () => proxy.reset());
    } else if (kind.startsWith('freeze')) {
      proxy.freeze(kind === 'freeze-up' ? 'up' : 'down');
      this.#last(ms, () => proxy.thaw());
    } else if (kind === 'cut-before-commit') proxy.cutNextCommit('before');
    else proxy.cutNextCommit(kind === 'cut-commit-sent' ? 'sent' : 'answered');
  }

  /** A global of the server is another for a while; what is done to the database is one thing at a time. */
  async #setGlobals({ kind, ms }: Step): Promise<void> {
    await this.#databaseAway.catch(() => {});
    const { history } = this.#fleet;
    const note = (type: 'ok' | 'info') => history.note({ proc: 'storm', type, f: 'globals', victim: 'database', kind });
    const away = async () => {
      note('ok');
      await withGlobals(this.#server, kind, () => this.#time(ms));
      note('info');
    };
    this.#databaseAway = away();
    this.#keep(this.#databaseAway);
  }

  async #killQueries(step: Step): Promise<void> {
    const end = performance.now() + step.ms;
    const over = () => this.#healing || performance.now() > end;
    const { history } = this.#fleet;
    const killing = async () => {
      const line = { proc: 'storm', f: 'kill-query', step: step.n };
      try {
        const killed = await killQueries(this.#server, this.#fleet, step, over);
        history.note({ ...line, type: 'ok', killed });
      } catch (error) {
        // The database went away: another fault's doing.
        history.note({ ...line, type: 'info', message: String(error) });
      }
    };
    this.#keep(killing());
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
    const node = this.#aim(step, 'worker');
    await this.#operator.ready();
    await setOperatorState(this.#operator, this.#fleet.names, node.id, 'paused');
    this.#last(step.ms, async () => {
      try {
        await this.#operator.ready();
        await setOperatorState(this.#operator, this.#fleet.names, node.id, 'active');
      } catch (error) {
        // The heal makes all devices active.
        if (!(error instanceof DatabaseError)) throw error;
      }
    });
  }

  async #resign(): Promise<void> {
    await this.#operator.ready();
    const { device_id, term } = await getLeader(this.#operator, this.#fleet.names);
    if (device_id !== null) await resignLeader(this.#operator, this.#fleet.names, { device_id, term });
  }
}

function isToMembers(kind: FaultKind): kind is MemberFault {
  return (TO_MEMBERS as readonly string[]).includes(kind);
}
