// A shop's database for the business monitors: litemall's tables in SQLite, filled and read by Python's own module.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const RUN = `
import json, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=20)
found = []
for statement, values in json.load(sys.stdin):
    found = connection.execute(statement, values).fetchall()
connection.commit()
print(json.dumps(found))
`;

type Statement = [sql: string, values?: readonly (string | number | null)[]];

/** Runs statements on a database file in one transaction; the rows of the last one. */
export function sqlite(file: string, ...statements: Statement[]): unknown[][] {
  const input = JSON.stringify(statements.map(([sql, values = []]) => [sql, values]));
  return JSON.parse(execFileSync('python3', ['-c', RUN, file], { input }).toString()) as unknown[][];
}

const TABLES = [
  'litemall_goods (id BIGINT PRIMARY KEY, is_on_sale SMALLINT DEFAULT 1, deleted SMALLINT DEFAULT 0)',
  'litemall_goods_product (id BIGINT PRIMARY KEY, goods_id BIGINT NOT NULL, number BIGINT NOT NULL, update_time DATETIME, deleted SMALLINT DEFAULT 0)',
  `litemall_order (id BIGINT PRIMARY KEY, user_id BIGINT NOT NULL, order_sn VARCHAR(63) NOT NULL, order_status SMALLINT NOT NULL,
    actual_price DECIMAL(10,2) NOT NULL, pay_time DATETIME, refund_amount DECIMAL(10,2), refund_type VARCHAR(63), refund_time DATETIME,
    end_time DATETIME, add_time DATETIME, update_time DATETIME, deleted SMALLINT DEFAULT 0)`,
  'litemall_order_goods (id BIGINT PRIMARY KEY, order_id BIGINT NOT NULL, product_id BIGINT NOT NULL, number SMALLINT NOT NULL)',
  `litemall_coupon_user (id BIGINT PRIMARY KEY, user_id BIGINT NOT NULL, coupon_id BIGINT NOT NULL, status SMALLINT, used_time DATETIME,
    order_id BIGINT, update_time DATETIME)`,
  `litemall_groupon (id BIGINT PRIMARY KEY, order_id BIGINT NOT NULL, groupon_id BIGINT, rules_id BIGINT NOT NULL, status SMALLINT,
    update_time DATETIME, deleted SMALLINT DEFAULT 0)`,
  'litemall_groupon_rules (id BIGINT PRIMARY KEY, discount_member BIGINT NOT NULL, expire_time DATETIME)',
];
const INDEXES = ['litemall_order_goods (order_id)', 'litemall_coupon_user (order_id)', 'litemall_groupon (groupon_id)', 'litemall_groupon (order_id)'];
const PENDING = 101;
const PAID = 201;
/** Shanghai's clock is ahead of SQLite's. */
const AHEAD = 8 * 3600;

const ago = (seconds: number) => `datetime('now', '${AHEAD - seconds} seconds')`;

export class ShopDatabase {
  private readonly folder = mkdtempSync(join(tmpdir(), 'lingshao-shop-'));
  readonly file = join(this.folder, 'shop.db');

  constructor() {
    sqlite(
      this.file,
      ['PRAGMA journal_mode=WAL'],
      ...TABLES.map((table): Statement => [`CREATE TABLE ${table}`]),
      ...INDEXES.map((columns, index): Statement => [`CREATE INDEX shop_${index} ON ${columns}`]),
      ['CREATE TABLE pay_log (id BIGINT PRIMARY KEY, begun DATETIME, st SMALLINT, channel VARCHAR(20))'],
      ...[1, 1, 1, 2, 3].map((state, index): Statement => [`INSERT INTO pay_log VALUES (?, ${ago(1200)}, ?, 'wechat')`, [index + 1, state]]),
      ['INSERT INTO litemall_goods_product (id, goods_id, number) VALUES (1, 1, 1000), (2, 2, 15), (3, 3, 4)'],
    );
  }

  /** `shop:` of a `lingshao.yml`; `monitors` in flow style. */
  config(monitors: string, more = ''): string {
    return `global: {scrape_interval: 1s}
shop:
  name: lx
  every: 1s
  database: 'sqlite:${this.file}'
  preset: litemall
  provider: none
  payments: {table: pay_log, id: id, created: begun, states: {paid: st=1, failed: st=2, closed: st=3}, provider: channel}
  monitors: ${monitors}
${more}`;
  }

  /** An order of 19.90 yuan with two of product 1, placed so many seconds ago; paid just now, so that it is of the day also
   * shortly after midnight in Shanghai. */
  place(id: number, { paid = false, seconds = 2400 } = {}): void {
    const at = ago(seconds);
    sqlite(
      this.file,
      [
        `INSERT INTO litemall_order (id, user_id, order_sn, order_status, actual_price, add_time, update_time, pay_time)
         VALUES (?, 1, ?, ?, 19.90, ${at}, ${at}, ${paid ? ago(0) : 'NULL'})`,
        [id, numberOf(id), paid ? PAID : PENDING],
      ],
      ['INSERT INTO litemall_order_goods VALUES (?, ?, 1, 2)', [id, id]],
    );
  }

  /** A group that wants so many, whose members are these orders, and which ended a minute ago. */
  group(id: number, orders: readonly number[], required: number): void {
    sqlite(
      this.file,
      [`INSERT INTO litemall_groupon_rules VALUES (?, ?, ${ago(60)})`, [id, required]],
      ...orders.map((order, index): Statement => [
        'INSERT INTO litemall_groupon (id, order_id, groupon_id, rules_id, status) VALUES (?, ?, ?, ?, 1)',
        index === 0 ? [id, order, 0, id] : [id * 100 + index, order, id, id],
      ]),
    );
  }

  status(order: number): number {
    return Number(sqlite(this.file, ['SELECT order_status FROM litemall_order WHERE id=?', [order]])[0]?.[0]);
  }

  stock(product: number): number {
    return Number(sqlite(this.file, ['SELECT number FROM litemall_goods_product WHERE id=?', [product]])[0]?.[0]);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export const numberOf = (order: number) => `2026112600${String(order).padStart(4, '0')}`;
