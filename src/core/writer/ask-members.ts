import type { DatabaseAddress } from '../db/address.ts';
import type { Decision } from '../domain/writer/decide-writer.ts';
import type { MemberAnswer } from '../domain/writer/member-answer.ts';
import { sleep } from '../runtime/loop.ts';

export interface AskMembersOptions {
  members: readonly DatabaseAddress[];
  /** Never rejects for a member that does not answer. */
  ask: (member: DatabaseAddress, over: AbortSignal) => Promise<MemberAnswer>;
  /** As nobody has answered yet. */
  asked: (member: DatabaseAddress) => MemberAnswer;
  decide: (answers: readonly MemberAnswer[]) => Decision;
  /** Milliseconds until a member that has answered is asked again, while another has not. */
  againMs: () => number;
}

/**
 * One round: all members are asked at once, until their answers name the writer, or each has answered or let its time pass. Those that have answered
 * are asked again meanwhile: a member that is gone takes all of its time, and the next primary is ready sooner.
 * @throws what `ask` throws
 */
export function askMembers(o: AskMembersOptions): Promise<{ decision: Decision; answers: MemberAnswer[] }> {
  const answers = o.members.map(o.asked);
  const over = new AbortController();
  return new Promise((resolve, reject) => {
    let open = answers.length;
    const follow = async (n: number, member: DatabaseAddress) => {
      for (let first = true; !over.signal.aborted; first = false) {
        const answer = await o.ask(member, over.signal);
        if (over.signal.aborted) return;
        answers[n] = answer;
        if (first) open -= 1;
        const decision = o.decide(answers);
        if (decision.kind === 'writer' || open === 0) {
          over.abort();
          return resolve({ decision, answers });
        }
        if (answer.kind !== 'answered') return;
        await sleep(o.againMs(), over.signal);
      }
    };
    for (const [n, member] of o.members.entries()) follow(n, member).catch(reject);
  });
}
