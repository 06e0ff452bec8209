// All rules over one history. Pure. The numbers are those of the list in docs/explain/proof.md; 8 (schedules) and 11
// (audit) have nothing to judge yet.
import { nobodyBlocked } from './blocking.ts';
import { noPhantom, nothingLost, oneCompletion } from './enqueues.ts';
import { count, type Evidence, lastStatus, type Rule, type Verdict } from './evidence.ts';
import { executionsExplained, triedBeforeBlamed } from './executions.ts';
import { nobodyDeadByFailover, oneWriter } from './failover.ts';
import { termsApart } from './leaders.ts';
import { leasesApart, tokensHold } from './leases.ts';
import { budgetsKept, legalMoves } from './moves.ts';
import { oddRowsEnd, withoutOddRows } from './odd-rows.ts';

const RULES: ReadonlyArray<[rule: number, title: string, judge: Rule]> = [
  [0, 'everything ended, and no process by a bug of its own', everythingEnded],
  [1, 'no acknowledged enqueue is lost', nothingLost],
  [2, 'nothing is there that nobody enqueued', noPhantom],
  [3, 'at most one accepted completion per task and attempt', oneCompletion],
  [4, 'leases of one task never overlap', leasesApart],
  [5, 'attempts rise, and each accepted write carries the token that holds', tokensHold],
  [6, 'only moves of the transition table', legalMoves],
  [7, 'leader terms never overlap, duties are written in their term', termsApart],
  [9, 'no more attempts than the budget, none before its time', budgetsKept],
  [10, 'each repeated execution is explained by a recorded end', executionsExplained],
  [13, 'no attempt is timed out or failed whose handler never began', triedBeforeBlamed],
  [14, 'nobody is kept from work for longer than a bound', nobodyBlocked],
  [15, 'each odd row ends, done or put aside, alone', oddRowsEnd],
  [16, 'nobody is declared dead by a failover', nobodyDeadByFailover],
  [17, 'one server at a time takes the writes', oneWriter],
];
/** These see the odd rows too. */
const WHOLE = new Set([0, 1, 2, 15]);

export function check(evidence: Evidence): Verdict[] {
  const plain = withoutOddRows(evidence);
  return RULES.map(([rule, title, judge]) => {
    const violations: string[] = [];
    const counts = judge(WHOLE.has(rule) ? evidence : plain, (one) => violations.push(one));
    return { rule, title, violations, counts };
  });
}

function everythingEnded(evidence: Evidence, wrong: (violation: string) => void) {
  const counts = {};
  let left = 0;
  for (const [task, status] of lastStatus(evidence)) {
    count(counts, status);
    if (!['pending', 'running', 'assigned', 'waiting'].includes(status)) continue;
    left += 1;
    wrong(`task ${task} is still ${status} after everything was healed`);
  }
  if (!evidence.drained && left === 0) wrong('the storm did not come to its end');
  for (const line of evidence.history) if (line.f === 'bug') wrong(`${line.proc}: ${line.message}`);
  return counts;
}
