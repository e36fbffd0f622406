//! The shop's database: litemall's tables in SQLite, and what litemall keeps elsewhere.
//!
//! Times are DATETIME without a zone, in Shanghai's; money is DECIMAL in yuan. `demo_payment` and `demo_refund` hold what
//! a shop keeps of its provider, in fen: payment status 0 waiting, 10 paid, 20 refused, 30 closed; refund status 0
//! planned, 10 done.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, SqliteConnection};

use super::POOL_SIZE;

/// How long a request waits for a connection. Longer than the slow reports of an incident hold one.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a writer waits for another one. Transactions take milliseconds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Page cache of a connection. The rows of a day are some MB, and the system caches the file.
const CACHE_KIB: &str = "-512";

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS litemall_user (
  id INTEGER PRIMARY KEY, mobile varchar(20) NOT NULL, status tinyint(3) NOT NULL DEFAULT 0,
  last_login_time datetime, add_time datetime, update_time datetime, deleted tinyint(1) DEFAULT 0);
CREATE TABLE IF NOT EXISTS litemall_goods (
  id INTEGER PRIMARY KEY, goods_sn varchar(63) NOT NULL, name varchar(127) NOT NULL,
  is_on_sale tinyint(1) DEFAULT 1, counter_price decimal(10,2), retail_price decimal(10,2),
  add_time datetime, update_time datetime, deleted tinyint(1) DEFAULT 0);
CREATE TABLE IF NOT EXISTS litemall_goods_product (
  id INTEGER PRIMARY KEY, goods_id int(11) NOT NULL, price decimal(10,2) NOT NULL,
  number int(11) NOT NULL CHECK (number >= 0),
  add_time datetime, update_time datetime, deleted tinyint(1) DEFAULT 0);
CREATE TABLE IF NOT EXISTS litemall_cart (
  id INTEGER PRIMARY KEY, user_id int(11) NOT NULL, goods_id int(11) NOT NULL, product_id int(11) NOT NULL,
  number smallint(5) NOT NULL, add_time datetime, update_time datetime, deleted tinyint(1) DEFAULT 0,
  UNIQUE (user_id, product_id));
CREATE TABLE IF NOT EXISTS litemall_order (
  id INTEGER PRIMARY KEY, user_id int(11) NOT NULL, order_sn varchar(63) NOT NULL,
  order_status smallint(6) NOT NULL, aftersale_status smallint(6) DEFAULT 0,
  consignee varchar(63) NOT NULL, mobile varchar(63) NOT NULL, address varchar(127) NOT NULL,
  message varchar(512) NOT NULL DEFAULT '',
  goods_price decimal(10,2) NOT NULL, freight_price decimal(10,2) NOT NULL, coupon_price decimal(10,2) NOT NULL,
  integral_price decimal(10,2) NOT NULL, groupon_price decimal(10,2) NOT NULL, order_price decimal(10,2) NOT NULL,
  actual_price decimal(10,2) NOT NULL, pay_id varchar(63), pay_time datetime, ship_time datetime,
  refund_amount decimal(10,2), refund_type varchar(63), refund_content varchar(127), refund_time datetime,
  confirm_time datetime, end_time datetime, add_time datetime, update_time datetime, deleted tinyint(1) DEFAULT 0);
CREATE TABLE IF NOT EXISTS litemall_order_goods (
  id INTEGER PRIMARY KEY, order_id int(11) NOT NULL, goods_id int(11) NOT NULL, goods_sn varchar(63) NOT NULL,
  product_id int(11) NOT NULL, number smallint(5) NOT NULL, price decimal(10,2) NOT NULL,
  add_time datetime, update_time datetime, deleted tinyint(1) DEFAULT 0);
CREATE TABLE IF NOT EXISTS litemall_groupon_rules (
  id INTEGER PRIMARY KEY, goods_id int(11) NOT NULL, discount decimal(63,0) NOT NULL, discount_member int(11) NOT NULL,
  expire_time datetime, status smallint(6) DEFAULT 0, add_time datetime NOT NULL, update_time datetime,
  deleted tinyint(1) DEFAULT 0);
CREATE TABLE IF NOT EXISTS litemall_groupon (
  id INTEGER PRIMARY KEY, order_id int(11) NOT NULL, groupon_id int(11) DEFAULT 0, rules_id int(11) NOT NULL,
  user_id int(11) NOT NULL, share_url varchar(255), creator_user_id int(11) NOT NULL, creator_user_time datetime,
  status smallint(6) DEFAULT 0, add_time datetime NOT NULL, update_time datetime, deleted tinyint(1) DEFAULT 0);
CREATE TABLE IF NOT EXISTS litemall_coupon_user (
  id INTEGER PRIMARY KEY, user_id int(11) NOT NULL, coupon_id int(11) NOT NULL, status smallint(6) DEFAULT 0,
  used_time datetime, start_time datetime, end_time datetime, order_id int(11), add_time datetime,
  update_time datetime, deleted tinyint(1) DEFAULT 0);
CREATE TABLE IF NOT EXISTS demo_payment (
  id INTEGER PRIMARY KEY, out_trade_no TEXT NOT NULL UNIQUE, order_id INTEGER NOT NULL, provider TEXT NOT NULL,
  amount_fen INTEGER NOT NULL, status INTEGER NOT NULL DEFAULT 0, transaction_id TEXT, add_time datetime NOT NULL);
CREATE TABLE IF NOT EXISTS demo_refund (
  id INTEGER PRIMARY KEY, out_refund_no TEXT NOT NULL UNIQUE, out_trade_no TEXT NOT NULL, order_id INTEGER NOT NULL,
  provider TEXT NOT NULL, amount_fen INTEGER NOT NULL, status INTEGER NOT NULL DEFAULT 0, add_time datetime NOT NULL);
CREATE TABLE IF NOT EXISTS demo_meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
";

/// Made after the first rows, which are many.
const INDEXES: &str = "
CREATE INDEX IF NOT EXISTS order_added ON litemall_order (add_time);
CREATE INDEX IF NOT EXISTS order_pending ON litemall_order (add_time) WHERE order_status = 101;
CREATE INDEX IF NOT EXISTS order_paid ON litemall_order (pay_time) WHERE order_status = 201;
CREATE INDEX IF NOT EXISTS order_goods_order ON litemall_order_goods (order_id);
CREATE INDEX IF NOT EXISTS groupon_order ON litemall_groupon (order_id);
CREATE INDEX IF NOT EXISTS groupon_leader ON litemall_groupon (groupon_id, status);
CREATE INDEX IF NOT EXISTS coupon_order ON litemall_coupon_user (order_id);
CREATE INDEX IF NOT EXISTS payment_order ON demo_payment (order_id);
CREATE INDEX IF NOT EXISTS refund_planned ON demo_refund (order_id) WHERE status = 0;
";

/// The database, by two doors: customers' requests share `pool`, and the shop's own jobs have `desk`, so that a pool
/// that is exhausted stops neither jobs nor metrics.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    pub(crate) pool: SqlitePool,
    pub(crate) desk: SqlitePool,
}

impl Database {
    /// Opens the file, and makes tables that are not there.
    pub(crate) async fn open(path: &Path) -> Result<Database, sqlx::Error> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("cache_size", CACHE_KIB)
            .disable_statement_logging();
        let pool = |connections: u32| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .idle_timeout(None)
                .max_lifetime(None)
                .test_before_acquire(false)
                .connect_lazy_with(options.clone())
        };
        let database = Database { pool: pool(POOL_SIZE), desk: pool(1) };
        sqlx::raw_sql(TABLES).execute(&database.desk).await?;
        Ok(database)
    }

    pub(crate) async fn index(&self) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(INDEXES).execute(&self.desk).await.map(drop)
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
        self.desk.close().await;
    }
}

/// A number that is remembered over restarts.
pub(crate) async fn recall(
    connection: &mut SqliteConnection,
    name: &str,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar("SELECT value FROM demo_meta WHERE name = ?1")
        .bind(name)
        .fetch_optional(connection)
        .await
}

/// Remembers a number over restarts.
pub(crate) async fn remember(
    connection: &mut SqliteConnection,
    name: &str,
    value: i64,
) -> Result<(), sqlx::Error> {
    let statement =
        "INSERT INTO demo_meta VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    sqlx::query(statement).bind(name).bind(value).execute(connection).await.map(drop)
}
