// Which users, apart from this one, can read or change a file that afd obeys or that holds a password.
import type { Stats } from 'node:fs';

const GROUP_READS = 0o040;
const OTHERS_READ = 0o004;
const OTHERS_WRITE = 0o022;

export interface Trust {
  /** Why a file with a secret in it must not be used, as the end of a sentence about it. */
  refusal?: string;
  /** What its owner should know. */
  warning?: string;
}

/** Of a file that holds a secret. `uid`: of this process; undefined where there are no user ids. */
export function trustOfSecret(path: string, facts: Stats, uid: number | undefined): Trust {
  if (!facts.isFile()) return {};
  const mend = `chmod 600 ${path}`;
  if ((facts.mode & OTHERS_READ) !== 0) return { refusal: `${path} can be read by everybody: ${mend}` };
  if ((facts.mode & OTHERS_WRITE) !== 0) return { refusal: `${path} can be written by other users: ${mend}` };
  // This user can read root's file only through the group.
  const shared = (facts.mode & GROUP_READS) !== 0 && facts.uid === uid;
  return shared ? { warning: `${path} holds a password and can be read by its group: ${mend}` } : {};
}

/** Of the configuration: its author decides which programs run here, and where the database is. */
export function trustOfConfiguration(path: string, facts: Stats, uid: number | undefined): Trust {
  if (!facts.isFile() || uid === undefined) return {};
  if (facts.uid !== uid && facts.uid !== 0) {
    return {
      warning: `${path} belongs to another user (uid ${facts.uid}), who says with it which database is used and which programs run here`,
    };
  }
  if ((facts.mode & OTHERS_WRITE) === 0) return {};
  return {
    warning: `${path} can be written by other users, who could make this user run anything: chmod go-w ${path}`,
  };
}
