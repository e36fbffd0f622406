// For tests: an import that has loaded all it may need.

import { imported, type Imported } from './import';
import { allMigrations } from './migrations';

export const MIGRATIONS = await allMigrations();

export const importNow = (input: unknown): Imported => imported(input, MIGRATIONS);
