import Migrate from './index.ts';

export default class MigrateUp extends Migrate {
  static override summary = 'Do the same as "afd migrate".';
  static override examples = ['<%= config.bin %> migrate up', '<%= config.bin %> migrate up --visible'];
}
