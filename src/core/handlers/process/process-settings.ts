/** What a process of a handler gets when it starts: in its arguments, where everybody may read it. */
export interface ProcessSettings {
  task_type: string;
  /** Path, relative to `base_dir`. */
  module: string;
  base_dir: string;
  /** How long the module may take to clean up when the process is asked to end. */
  cleanUpMs: number;
}
