import type { HandlerFolders } from '../module-folders.ts';

/** What a process of a handler gets when it starts: in its arguments, where everybody may read it. */
export interface ProcessSettings {
  task_type: string;
  /** Path, relative to `base_dir`. */
  module: string;
  base_dir: string;
  /** In which the module must lie; absent: `base_dir` alone. */
  folders?: HandlerFolders | undefined;
  /** How long the module may take to clean up when the process is asked to end. */
  cleanUpMs: number;
}
