"""A small shop: FastAPI, PostgreSQL with litemall's tables, Redis, WeChat Pay."""
