/** Which attempt a piece of a run log belongs to. */
export interface LoggedAttempt {
  task_id: number;
  attempt: number;
}
