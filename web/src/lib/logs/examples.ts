// The four queries of a shop's monitoring plan: what one looks for first, and how the language is written.

import type { Key } from '../../i18n';

export const EXAMPLES: readonly { title: Key; query: string }[] = [
  { title: 'logs.example1', query: 'level:ERROR AND timestamp:[now-1h TO now]' },
  { title: 'logs.example2', query: 'process_time:>2 AND timestamp:[now-1h TO now]' },
  { title: 'logs.example3', query: 'path:/api/v1/payments/* AND status_code:500' },
  { title: 'logs.example4', query: 'user_id:12345' },
];
