// Where a claim reads.

/** Where a claim starts reading a (lane, rank): the last row this process took there. */
export interface Cursor {
  /** As the server spelled it: `YYYY-MM-DD HH:MM:SS.mmm`, in the task table's zone. */
  due_at: string;
  id: number;
}

/** What to claim from: one (lane, rank), or the tasks directed at this device. */
export type ClaimSource =
  /** `frontier`: read from the furthest task of the pair that runs, if that is behind the mark. */
  | { kind: 'lane'; lane: Buffer; claim_rank: number; cursor: Cursor | undefined; frontier?: boolean }
  | { kind: 'directed'; device_id: string }
  /** Named ones, of which a claim has just failed: one of them may be what the server refuses (odd-tasks.ts). */
  | { kind: 'tasks'; ids: number[] };
