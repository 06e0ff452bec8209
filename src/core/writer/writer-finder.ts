// Finds the member that takes writes, for all sessions of a thread: those that open while the members are being asked wait for one
// answer. It holds no connection, and asks nothing while nobody opens a session.
import { type DatabaseAddress, describeMember, type FoundWriter, type WriterSource } from '../db/address.ts';
import { DatabaseError, SHOW_CONFIG } from '../db/database-error.ts';
import { askMember } from '../db/writer/ask-member.ts';
import { type Before, CLAIM_ALARM_MS, claimsOf, type Decision, decideWriter } from '../domain/writer/decide-writer.ts';
import { isSameServer, type MemberAnswer } from '../domain/writer/member-answer.ts';
import { monotonic } from '../runtime/clock.ts';
import { sleep } from '../runtime/loop.ts';
import { askMembers } from './ask-members.ts';
import { Followers, type Found } from './followers.ts';
import { Gathering } from './gathering.ts';
import { Members } from './members.ts';

export interface WriterFinderOptions {
  ask?: typeof askMember;
  /** Milliseconds of a monotonic clock. */
  monotonic?: () => number;
  /** Number in [0, 1). */
  random?: () => number;
}

/** For each member, at first and at most: who is far away needs longer. */
const ASK_MS = 300;
const ASK_MOST_MS = 2400;
/** Between two rounds without a writer, before chance. */
const PAUSE_MS = 100;
/** A fleet's rounds are spread over 10 ms for each device, and their beginning over 1 ms; at most this. */
const SPREAD_MOST_MS = 5000;
const BEGIN_MOST_MS = 1000;
/** Fewer devices need not be spread when they begin. */
const CROWD = 50;

export class WriterFinder implements WriterSource {
  /** Devices of the fleet, as far as is known. */
  devices = 1;
  readonly #members: Members;
  readonly #o: Required<WriterFinderOptions>;
  /** Undefined = it is doubtful. */
  #writer: Found | undefined;
  #last: Found | undefined;
  #hung = false;
  #round: Promise<FoundWriter> | undefined;
  #seeking: Promise<void> | undefined;
  #refusal: { error: DatabaseError; until: number } | undefined;
  #claims: { by: string; since: number } | undefined;
  #deadlineMs = ASK_MS;
  /** Milliseconds of the last answer of each member. */
  readonly #tookMs = new Map<string, number>();
  readonly #followers = new Followers();
  readonly #gathering: Gathering;
  readonly #listeners = new Set<(message: string) => void>();
  #said = new Set<'claims' | 'hidden'>();

  constructor(address: DatabaseAddress, options: WriterFinderOptions = {}) {
    this.#members = new Members(address);
    this.#o = { ask: askMember, monotonic, random: Math.random, ...options };
    this.#gathering = new Gathering(() => this.#followers.some && this.recheck(), this.#o.random);
  }

  /** Calls `say` with what somebody should know; returns what ends that. */
  listen(say: (message: string) => void): () => void {
    this.#listeners.add(say);
    return () => this.#listeners.delete(say);
  }

  /**
   * At once while no session has complained. Without a writer it throws what was last found until the next round may begin, so that a
   * caller may ask again and again.
   */
  async find(): Promise<FoundWriter> {
    if (this.#writer !== undefined) return this.#writer;
    if (this.#round === undefined && this.#refusal !== undefined && this.#o.monotonic() < this.#refusal.until)
      throw this.#refusal.error;
    this.#round ??= this.#ask().finally(() => {
      this.#round = undefined;
    });
    return this.#round;
  }

  learn(hosts: readonly string[]): string[] {
    return this.#members.learn(hosts);
  }

  doubt(writer: FoundWriter, hung: boolean): void {
    // It may have been found again meanwhile, under another of its names.
    if (this.#writer === undefined || !isSameServer((writer as Found).state, this.#writer.state)) return;
    this.#writer = undefined;
    this.#hung = hung;
  }

  /** There may be another writer, which sessions that only read do not notice: asks until one is found, while there are sessions. */
  recheck(): void {
    this.#writer = undefined;
    this.#seeking ??= this.#untilFound().finally(() => {
      this.#seeking = undefined;
    });
  }

  async #untilFound(): Promise<void> {
    do {
      // The caller that opens a session gets the error.
      await this.find().catch(() => {});
      if (this.#writer !== undefined) return;
      await sleep((this.#refusal?.until ?? 0) - this.#o.monotonic());
    } while (this.#followers.some);
  }

  follow(writer: FoundWriter, leave: () => void): () => void {
    return this.#followers.add(writer as Found, leave, this.#last);
  }

  async #ask(): Promise<FoundWriter> {
    const { monotonic: now, random } = this.#o;
    if (this.devices >= CROWD && this.#last !== undefined && !(await this.#lastAnswers()))
      await sleep(random() * Math.min(this.devices, BEGIN_MOST_MS));
    const errors: DatabaseError[] = [];
    const { decision, answers } = await this.#askAll(errors);
    if (decision.kind === 'writer') return this.#found(decision, answers);
    // Who has answered needs no more time.
    if (answers.some((one) => one.kind === 'silent')) this.#deadlineMs = Math.min(2 * this.#deadlineMs, ASK_MOST_MS);
    this.#warn(decision, answers);
    // Only where nothing was ever known: one member may be new, and those that are known silent for a moment.
    const final =
      this.#last === undefined && answers.every((one) => one.kind !== 'answered')
        ? errors.find((one) => one.retry === 'final')
        : undefined;
    const error =
      final ??
      new DatabaseError('E_DATABASE', `None of ${this.#members.where} is the writer now: ${decision.reason}.`, {
        ...{ retry: 'connection', driverCode: 'AFD_NO_WRITER', suggestions: SHOW_CONFIG },
        ...(errors[0] === undefined ? {} : { cause: errors[0] }),
      });
    this.#refusal = { error, until: now() + this.#pauseMs() };
    throw error;
  }

  /** Of a crowd nobody asks all members because one session broke, while the writer is well. */
  async #lastAnswers(): Promise<boolean> {
    if (this.#hung) return false;
    const answer = await this.#answer(this.#last!.address);
    // One that hands over answers too, and has made itself read-only.
    return answer.kind === 'answered' && !answer.state.readOnly && answer.state.galera?.ready !== false;
  }

  #askAll(errors: DatabaseError[]): Promise<{ decision: Decision; answers: MemberAnswer[] }> {
    return askMembers({
      members: this.#members.list,
      ask: (address, over) => this.#answer(address, over, errors),
      asked: (address) => ({ member: describeMember(address), kind: 'asked' }),
      decide: (answers) => decideWriter(answers, this.#before(answers)),
      againMs: () => this.#pauseMs(),
    });
  }

  /** Between two questions to the same member: a crowd asks less often. */
  #pauseMs(): number {
    const { random } = this.#o;
    return Math.max(PAUSE_MS * (0.5 + random()), random() * this.#spreadMs);
  }

  get #spreadMs(): number {
    return Math.min(10 * this.devices, SPREAD_MOST_MS);
  }

  async #answer(address: DatabaseAddress, over?: AbortSignal, errors: DatabaseError[] = []): Promise<MemberAnswer> {
    const member = describeMember(address);
    const began = this.#o.monotonic();
    try {
      const state = await this.#o.ask(address, this.#deadlineMs, over);
      this.#tookMs.set(member, this.#o.monotonic() - began);
      return { member, kind: 'answered', state };
    } catch (raw) {
      const error = raw as DatabaseError;
      errors.push(error);
      return { member, kind: 'silent', why: error.message };
    }
  }

  /** Counts for how long the same members have claimed to be the writer. */
  #before(answers: readonly MemberAnswer[]): Before {
    const writer = this.#last === undefined ? undefined : describeMember(this.#last.address);
    const claimedMs = this.#claims?.by === claimsOf(answers) ? this.#o.monotonic() - this.#claims.since : 0;
    return { writer, claimedMs, topology: this.#last?.topology, gathering: this.#gathering.now };
  }

  #found(decision: Decision & { kind: 'writer' }, answers: MemberAnswer[]): FoundWriter {
    const { member, topology } = decision;
    const answer = answers.find((one) => one.member === member);
    if (answer?.kind !== 'answered')
      throw new DatabaseError('E_INTERNAL', `${member} did not answer.`, { retry: 'final' });
    const { state } = answer;
    const address = this.#members.list.find((one) => describeMember(one) === member)!;
    const last = this.#last;
    const same = last !== undefined && isSameServer(last.state, state);
    const found = same && last.address === address && last.topology === topology ? last : { address, topology, state };
    this.#gathering.found(topology === 'galera' && !same, this.#spreadMs);
    this.#writer = found;
    this.#last = found;
    this.#hung = false;
    this.#refusal = undefined;
    this.#claims = undefined;
    this.#said.delete('claims');
    // Of the writer itself: a member that is gone takes all of its time in each round.
    this.#deadlineMs = Math.min(Math.max(ASK_MS, 2 * (this.#tookMs.get(member) ?? 0)), ASK_MOST_MS);
    if (topology === 'replicas' && state.group === 'hidden') this.#say('hidden', HIDDEN);
    this.#followers.leaveOthers(state);
    return found;
  }

  #warn(decision: Exclude<Decision, { kind: 'writer' }>, answers: readonly MemberAnswer[]): void {
    const by = claimsOf(answers);
    if (this.#claims?.by !== by) this.#claims = { by, since: this.#o.monotonic() };
    const forMs = this.#o.monotonic() - this.#claims.since;
    const several = decision.kind === 'wait' && decision.claimants.length > 1 && forMs >= CLAIM_ALARM_MS;
    if (several || decision.kind === 'refuse')
      this.#say('claims', `afd writes to none of ${this.#members.where} until this is mended: ${decision.reason}`);
    if (answers.some((one) => one.kind === 'answered' && one.state.group === 'hidden')) this.#say('hidden', HIDDEN);
  }

  #say(what: 'claims' | 'hidden', message: string): void {
    if (this.#said.has(what)) return;
    this.#said.add(what);
    for (const say of this.#listeners) say(message);
  }
}

const HIDDEN =
  'the account may not read performance_schema.replication_group_members, so the writer is found by read_only alone, which a replaced primary of a group has wrong for some seconds; GRANT SELECT ON performance_schema.replication_group_members TO it';

/** One for each address of a thread. */
const finders = new WeakMap<DatabaseAddress, WriterFinder>();

/** Of the member that takes writes now. @throws DatabaseError when there is none */
export async function writerAddress(address: DatabaseAddress): Promise<DatabaseAddress> {
  return (await writerOf(address)?.find())?.address ?? address;
}

/** Finds the writer of this address; undefined = it is one server, and no question. */
export function writerOf(address: DatabaseAddress | undefined): WriterFinder | undefined {
  if (address?.members === undefined) return undefined;
  const finder = finders.get(address) ?? new WriterFinder(address);
  finders.set(address, finder);
  return finder;
}
