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
  if ((facts.mode & OTHERS_READ) !== 0) return { refusal: `all users can read ${path}: run ${mend}` };
  if ((facts.mode & OTHERS_WRITE) !== 0) return { refusal: `other users can write ${path}: run ${mend}` };
  // This user can read root's file only through the group.
  const shared = (facts.mode & GROUP_READS) !== 0 && facts.uid === uid;
  return shared ? { warning: `${path} contains a password, and its group can read it: run ${mend}` } : {};
}

/** Of the configuration: its author decides which programs run here, and where the database is. */
export function trustOfConfiguration(path: string, facts: Stats, uid: number | undefined): Trust {
  if (!facts.isFile() || uid === undefined) return {};
  if (facts.uid !== uid && facts.uid !== 0) {
    return {
      warning: `${path} belongs to another user (uid ${facts.uid}), who can choose the database and the programs that run on this machine`,
    };
  }
  if ((facts.mode & OTHERS_WRITE) === 0) return {};
  return {
    warning: `other users can write ${path}, and so run any program as this user: run chmod go-w ${path}`,
  };
}
