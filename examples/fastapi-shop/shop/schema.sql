-- litemall 的表（本店用到的列）· litemall's tables, with the columns that this shop uses.
-- Times are Asia/Shanghai's without a zone, money is yuan.
CREATE TABLE IF NOT EXISTS litemall_user (
  id serial PRIMARY KEY, mobile varchar(20) NOT NULL, status smallint DEFAULT 0, last_login_time timestamp,
  add_time timestamp, update_time timestamp, deleted smallint DEFAULT 0);
CREATE TABLE IF NOT EXISTS litemall_goods (
  id serial PRIMARY KEY, goods_sn varchar(63) NOT NULL, name varchar(127) NOT NULL, is_on_sale smallint DEFAULT 1,
  counter_price numeric(10,2), retail_price numeric(10,2), add_time timestamp, update_time timestamp,
  deleted smallint DEFAULT 0);
CREATE TABLE IF NOT EXISTS litemall_goods_product (
  id serial PRIMARY KEY, goods_id int NOT NULL, price numeric(10,2) NOT NULL, number int NOT NULL CHECK (number >= 0),
  add_time timestamp, update_time timestamp, deleted smallint DEFAULT 0);
CREATE TABLE IF NOT EXISTS litemall_order (
  id serial PRIMARY KEY, user_id int NOT NULL, order_sn varchar(63) NOT NULL UNIQUE, order_status smallint NOT NULL,
  aftersale_status smallint DEFAULT 0, consignee varchar(63) NOT NULL, mobile varchar(63) NOT NULL,
  address varchar(127) NOT NULL, message varchar(512) NOT NULL DEFAULT '', goods_price numeric(10,2) NOT NULL,
  freight_price numeric(10,2) NOT NULL, coupon_price numeric(10,2) NOT NULL DEFAULT 0,
  integral_price numeric(10,2) NOT NULL DEFAULT 0, groupon_price numeric(10,2) NOT NULL DEFAULT 0,
  order_price numeric(10,2) NOT NULL, actual_price numeric(10,2) NOT NULL, pay_id varchar(63), pay_time timestamp,
  ship_time timestamp, refund_amount numeric(10,2), refund_type varchar(63), refund_content varchar(127),
  refund_time timestamp, confirm_time timestamp, end_time timestamp, add_time timestamp, update_time timestamp,
  deleted smallint DEFAULT 0);
CREATE TABLE IF NOT EXISTS litemall_order_goods (
  id serial PRIMARY KEY, order_id int NOT NULL, goods_id int NOT NULL, goods_sn varchar(63) NOT NULL,
  product_id int NOT NULL, number smallint NOT NULL, price numeric(10,2) NOT NULL, add_time timestamp,
  update_time timestamp, deleted smallint DEFAULT 0);
CREATE TABLE IF NOT EXISTS litemall_groupon_rules (
  id serial PRIMARY KEY, goods_id int NOT NULL, discount numeric(63,0) NOT NULL, discount_member int NOT NULL,
  expire_time timestamp, status smallint DEFAULT 0, add_time timestamp NOT NULL, update_time timestamp,
  deleted smallint DEFAULT 0);
CREATE TABLE IF NOT EXISTS litemall_groupon (
  id serial PRIMARY KEY, order_id int NOT NULL, groupon_id int DEFAULT 0, rules_id int NOT NULL, user_id int NOT NULL,
  creator_user_id int NOT NULL, creator_user_time timestamp, status smallint DEFAULT 0, add_time timestamp NOT NULL,
  update_time timestamp, deleted smallint DEFAULT 0);
CREATE TABLE IF NOT EXISTS litemall_coupon_user (
  id serial PRIMARY KEY, user_id int NOT NULL, coupon_id int NOT NULL, status smallint DEFAULT 0, used_time timestamp,
  start_time timestamp, end_time timestamp, order_id int, add_time timestamp, update_time timestamp,
  deleted smallint DEFAULT 0);
CREATE INDEX IF NOT EXISTS order_pending ON litemall_order (add_time) WHERE order_status = 101;
CREATE INDEX IF NOT EXISTS order_added ON litemall_order (add_time);
CREATE INDEX IF NOT EXISTS order_paid ON litemall_order (pay_time);
CREATE INDEX IF NOT EXISTS order_goods_order ON litemall_order_goods (order_id);
CREATE INDEX IF NOT EXISTS groupon_order ON litemall_groupon (order_id);
CREATE INDEX IF NOT EXISTS groupon_leader ON litemall_groupon (groupon_id, status);
