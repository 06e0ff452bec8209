/** Who acts, as the audit log names them, and as the rows that they change do. */
export interface Actor {
  /**
   * `key:<id>`, `device:<id>` by its certificate, `os:<user>@<host>` on the command line, `http:<address>` where neither is asked
   * for, `leader:<device id>`.
   */
  who: string;
  /** In words for people, as in `created_by` and `revoked_by`. */
  label: string;
  /** IP address of the client; null = there is none. */
  source: string | null;
  /** Of the HTTP request, or of the command. All rows of one act on many things have the same. */
  request_id: string;
  /** As they gave it. */
  reason?: string | undefined;
}

/** Characters of `revoked_by`. */
const LONGEST = 500;

/** `alice@host: reason` */
export function saidBy({ label, reason }: Pick<Actor, 'label' | 'reason'>): string {
  return (reason === undefined ? label : `${label}: ${reason}`).slice(0, LONGEST);
}
