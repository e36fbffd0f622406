// For tests and scripts: every text of both languages at hand from the start.

import { dictionaries } from '.';
import * as en from './en';
import * as zh from './zh';

Object.assign(dictionaries.zh, zh);
Object.assign(dictionaries.en, en);
